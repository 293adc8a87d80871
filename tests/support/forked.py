"""Training runs forked from a process that has imported TensorFlow, to start in one second.

Import this module before NumPy.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or importing NumPy starts threads

from open_seq2seq.cli import main
from open_seq2seq.system.terminal import exit_on_user_error
from tests.support.paths import ROOT


def warm_up() -> None:
    """Import all slow modules that start no thread, as threads do not survive a fork."""
    import open_seq2seq.data.dataset
    import open_seq2seq.modes  # noqa: F401
    from open_seq2seq.layers import batch_norm
    from open_seq2seq.lazy import keras, tf

    _ = tf.function, keras.layers, batch_norm.BatchNorm
    n_threads = len(os.listdir("/proc/self/task"))
    assert n_threads == 1, f"an imported module has started {n_threads - 1} threads"


def fork(arguments: list[str], output: Path, environment: dict[str, str] | None = None) -> int:
    """Start a process that runs run.py's code; return its process id.

    Args:
        arguments: arguments of run.py.
        output: file to which stdout and stderr are appended.
        environment: additional environment variables.
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
    """Return the exit status of a process, or None if it does not end within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        ended_pid, status = os.waitpid(pid, os.WNOHANG)
        if ended_pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.0005)
