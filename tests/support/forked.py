"""Training runs forked from a process that has imported TensorFlow: a start takes one second
instead of five.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # NumPy would start a thread for each core when it is imported

from open_seq2seq.cli import main
from open_seq2seq.system.terminal import exit_on_user_error
from tests.support.paths import ROOT


def warm_up() -> None:
    """Import everything that takes long, and nothing that starts a thread: threads do not survive a
    fork.
    """
    import open_seq2seq.data.dataset
    import open_seq2seq.modes  # noqa: F401
    from open_seq2seq.layers import batch_norm
    from open_seq2seq.lazy import keras, tf

    _ = tf.function, keras.layers, batch_norm.BatchNorm
    assert len(os.listdir("/proc/self/task")) == 1, (
        "a module that was imported has started a thread"
    )


def fork(arguments: list[str], output: Path, environment: dict[str, str] | None = None) -> int:
    """Start a process that does what run.py does with these arguments; return its number.

    Args:
        arguments: of the command line.
        output: file that what it prints is added to.
        environment: variables that it gets besides ours.
    """
    pid = os.fork()
    if pid:
        return pid
    status: int | str | None = 70
    try:
        with open(output, "a", encoding="utf-8") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.environ.update(environment or {})
        os.chdir(ROOT)
        exit_on_user_error(lambda: main(arguments))
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else 70)


def wait(pid: int, seconds: float) -> int | None:
    """Return the exit status of a process, None where it has not ended within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.0005)
