"""Runs forked from a process that has imported TensorFlow: they start in one second, not in six."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from open_seq2seq.system.terminal import run_command
from tests.support.paths import ROOT

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.warm"])


def fork(
    main: Callable[..., int | None],
    *args: Any,
    output: Path | Connection,
    environment: dict[str, str] | None = None,
) -> ForkServerProcess:
    """Start a process that does what ``main`` does, and exits with its status or a `UserError`'s.

    Args:
        main: a function of a module; `open_seq2seq.cli.main` is run.py.
        args: its arguments.
        output: file that stdout and stderr are appended to, or a pipe that they are sent to.
        environment: additional environment variables.
    """
    _start_server()
    process = _context.Process(target=_run, args=(main, args, output, environment or {}))
    process.start()
    return process


def wait(process: ForkServerProcess, seconds: float | None = None) -> int | None:
    """Return the exit status of a process, or None if it does not end within ``seconds``."""
    process.join(seconds)
    return process.exitcode


def _start_server() -> None:
    """Start the process that others are forked from, unless it runs; it has to find its modules."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [before])])
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _run(
    main: Callable[..., int | None],
    args: tuple[Any, ...],
    output: Path | Connection,
    environment: dict[str, str],
) -> None:
    if isinstance(output, Path):
        target = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    else:
        target = output.fileno()
    os.dup2(target, 1)
    os.dup2(target, 2)
    if isinstance(output, Path):
        os.close(target)
    else:
        output.close()
    # new streams: the server's may have begun as a file, and would seek in a pipe
    options = {"mode": "w", "buffering": 1, "encoding": "utf-8", "closefd": False}
    sys.stdout, sys.stderr = open(1, **options), open(2, **options)  # noqa: SIM115
    os.environ.update(environment)
    tempfile.tempdir = None  # the environment may name another
    os.chdir(ROOT)
    try:
        run_command(lambda: main(*args))
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing leaves them out; Horovod has one
