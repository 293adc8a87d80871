"""Jobs of several processes that are disturbed on purpose."""

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
    """What became of a job."""

    status: int
    lines: list[tuple[float, str]]  # time, line
    ended: float  # time

    @property
    def output(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def time_of(self, pattern: str) -> float | None:
        """Return when the first line came that matches."""
        return next((moment for moment, line in self.lines if re.search(pattern, line)), None)

    def seconds_until_named(self, rank: int | str, lost_at: Path) -> float:
        """Return how long after the time in a file, the one of its loss, the process of a rank was
        named.
        """
        named = self.time_of(
            rf"rank {rank} \(process \d+ on .*\) has (ended|given no sign of life)"
        )
        assert named, f"rank {rank} was not named:\n{self.output}"
        return named - float(lost_at.read_text())


def run_job(
    arguments: Sequence[str],
    launcher: Sequence[str],
    environment: dict[str, str] | None = None,
    disturb: Callable[[subprocess.Popen, str], None] = lambda process, line: None,
) -> Job:
    """Start ``run.py`` in several processes and wait for its end.

    Args:
        arguments: of run.py.
        launcher: options of horovodrun.
        environment: variables besides ours.
        disturb: is called with the launcher and each line that comes from the job.
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
    end = threading.Timer(_PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
    end.start()
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append((time.time(), line.rstrip()))
        disturb(process, line)
    status = process.wait()
    end.cancel()
    return Job(status, lines, time.time())


def fixed(n_processes: int) -> list[str]:
    """Return the launcher's options for so many processes."""
    return ["-np", str(n_processes)]


def elastic(n_processes: int, folder: Path, *options: str) -> list[str]:
    """Return the launcher's options for processes that may come and go: on this machine, under two
    names.

    A process that is lost takes all of its host with it.
    """
    script = folder / "hosts.sh"
    script.write_text("#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n")
    script.chmod(0o755)
    sizes = ["-np", str(n_processes), "--min-np", "1", "--max-np", str(n_processes)]
    return [*sizes, "--host-discovery-script", str(script), "--network-interface", "lo", *options]
