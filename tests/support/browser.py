"""Chromium without a window, for tests of pages."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# of its own accord it asks nobody for anything
_QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # which is small in containers
    "--disable-sync",
    "--no-first-run",
    # Chromium asks its maker all the same
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "about:blank",
)
_REQUESTS = ("Network.requestWillBeSent", "Network.webSocketCreated")
_PROGRAMS = ("chromium", "chromedriver")


@contextlib.contextmanager
def chrome(
    *flags: str, fake_microphone: Path | None = None, again: bool = False
) -> Iterator[Chrome]:
    """Yield a driver of a new browser; a test without selenium or Chromium is skipped.

    Args:
        flags: more of its flags.
        fake_microphone: a WAV file that is what the microphone hears; None: a page that asks for
            the microphone is refused.
        again: whether the file is played again and again, not once.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = [shutil.which(name) for name in _PROGRAMS]
    if None in programs:
        pytest.skip(f"needs {' and '.join(_PROGRAMS)}, Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    microphone = ["--use-fake-device-for-media-stream"]
    if fake_microphone is None:
        microphone.append("--deny-permission-prompts")
    else:
        file = f"{fake_microphone}" if again else f"{fake_microphone}%noloop"
        microphone.append("--use-fake-ui-for-media-stream")
        microphone.append(f"--use-file-for-fake-audio-capture={file}")
    if os.geteuid() == 0:
        microphone.append("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_QUIET, *microphone, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # a path is given, so that selenium looks for no driver elsewhere
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
