"""Headless Chromium for the tests of web pages."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
)


@contextlib.contextmanager
def chrome(*flags: str, fake_microphone: Path | None = None) -> Iterator[Any]:
    """Yield a selenium driver of a new Chromium, which has no profile and asks no questions.

    Args:
        flags: more of its flags.
        fake_microphone: a WAV file that is what the microphone hears, again and again; None: a
            page that asks for the microphone is refused.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    flags = ("--use-fake-device-for-media-stream", *flags)
    if fake_microphone is None:
        flags = ("--deny-permission-prompts", *flags)
    else:
        flags = (
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={fake_microphone}",
            *flags,
        )
    if os.geteuid() == 0:
        flags = ("--no-sandbox", *flags)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_QUIET, f"--user-data-dir={profile}", *flags):
            options.add_argument(flag)
        # a path is given, so that selenium looks for no driver elsewhere
        service = webdriver.ChromeService(executable_path=driver)
        page = webdriver.Chrome(options=options, service=service)
        try:
            yield page
        finally:
            page.quit()
