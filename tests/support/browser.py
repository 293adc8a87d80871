"""Chromium without a window, for tests of pages."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "about:blank",
)
_REQUESTS = ("Network.requestWillBeSent", "Network.webSocketCreated")
_PROGRAMS = ("chromium", "chromedriver")


@contextlib.contextmanager
def chrome(fake_microphone: Path | None = None) -> Iterator[Chrome]:
    """Yield a driver of a new browser; a test without selenium or Chromium is skipped.

    Args:
        fake_microphone: WAV file that is played once, as what the microphone hears.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = [shutil.which(name) for name in _PROGRAMS]
    if None in programs:
        pytest.skip(f"needs {' and '.join(_PROGRAMS)}, Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in _FLAGS:
        options.add_argument(flag)
    if fake_microphone is not None:
        options.add_argument("--use-fake-ui-for-media-stream")
        options.add_argument("--use-fake-device-for-media-stream")
        options.add_argument(f"--use-file-for-fake-audio-capture={fake_microphone}%noloop")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
        try:
            yield driver
        finally:
            driver.quit()


def requested(driver: Chrome) -> list[str]:
    """Return the addresses on networks that the browser has asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    params = [message["params"] for message in messages if message["method"] in _REQUESTS]
    addresses = [each.get("url") or each["request"]["url"] for each in params]
    return [address for address in addresses if address.startswith(("http", "ws"))]
