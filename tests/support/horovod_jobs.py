"""Horovod jobs of several processes with injected failures."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.paths import ROOT

LAUNCHER = (sys.executable, "-m", "horovod.runner.launch")
_PATIENCE_S = 600.0  # of a job that never ends; on a busy machine one takes minutes


class Job(NamedTuple):
    """The outcome of a job; times are in seconds since the epoch."""

    status: int
    lines: list[tuple[float, str]]  # time, line
    ended: float  # time of its end

    @property
    def output(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def time_of(self, pattern: str) -> float | None:
        """Return the time of the first line that matches, or None."""
        return next((moment for moment, line in self.lines if re.search(pattern, line)), None)

    def seconds_until_named(self, rank: int | str, lost_at: Path) -> float:
        """Return the seconds from a worker's failure, whose time is in a file, to its message."""
        named = self.time_of(rf"rank {rank} \(process \d+ on .*\) has ")
        assert named, f"rank {rank} was not named:\n{self.output}"
        return named - float(lost_at.read_text())


def run_job(
    arguments: Sequence[str],
    launcher: Sequence[str],
    environment: dict[str, str] | None = None,
    disturb: Callable[[subprocess.Popen, str], None] = lambda process, line: None,
) -> Job:
    """Start ``run.py`` in several processes and wait for their end.

    Args:
        arguments: arguments of run.py.
        launcher: options of horovodrun.
        environment: additional environment variables.
        disturb: called with the launcher's process and each line of the job's output.
    """
    process = subprocess.Popen(
        [*LAUNCHER, *launcher, sys.executable, "run.py", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        start_new_session=True,
    )
    kill_timer = threading.Timer(_PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
    kill_timer.start()
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append((time.time(), line.rstrip()))
        disturb(process, line)
    status = process.wait()
    kill_timer.cancel()
    return Job(status, lines, time.time())


def fixed(n_processes: int) -> list[str]:
    """Return the launcher's options for a fixed number of processes."""
    return ["-np", str(n_processes)]


def elastic(n_processes: int, folder: Path, *options: str) -> list[str]:
    """Return the launcher's options for elastic training on this machine.

    The machine has two host names, as Horovod drops the whole host of a failed worker.
    """
    script = folder / "hosts.sh"
    script.write_text("#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n")
    script.chmod(0o755)
    sizes = ["-np", str(n_processes), "--min-np", "1", "--max-np", str(n_processes)]
    return [*sizes, "--host-discovery-script", str(script), "--network-interface", "lo", *options]
