"""What the first signal asks for, and what the second one does."""

import signal
import subprocess
import sys

import pytest

from open_seq2seq.training.stop_signal import StopSignal
from tests.support.paths import ROOT

BUSY = """
import time
from open_seq2seq.training.stop_signal import StopSignal
with StopSignal() as request:
    print("busy", flush=True)
    while not request.is_set:
        time.sleep(0.01)
    print("asked to stop", flush=True)
    time.sleep(600)  # a step that takes long
"""


def test_the_first_signal_is_noted_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as request:
        assert not request.is_set
        signal.raise_signal(signal.SIGTERM)
        assert request.is_set and request.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_process_at_once(number):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "busy\n"
        process.send_signal(number)
        assert process.stdout.readline() == "asked to stop\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == -number
    finally:
        process.kill()
