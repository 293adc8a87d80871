"""Horovod jobs of several processes with injected failures."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.forked import fork
from tests.support.paths import ROOT

LAUNCHER = (sys.executable, "-m", "horovod.runner.launch")
_PATIENCE_S = 600.0  # of a job that never ends; on a busy machine one takes minutes


class Job(NamedTuple):
    """The outcome of a job; times are in seconds since the epoch."""

    statuses: tuple[int, ...]  # of the launcher, or of each forked process
    lines: list[tuple[float, str]]  # time, line
    ended: float  # time of its end

    @property
    def status(self) -> int:
        """The exit status of what failed, if anything did; of a killed process it is negative."""
        return max(self.statuses, key=bool)

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
    assert process.stdout is not None
    lines = _follow(process.stdout, lambda line: disturb(process, line))
    status = process.wait()
    kill_timer.cancel()
    return Job((status,), lines, time.time())


def run_forked_job(
    n_processes: int,
    main: Callable[..., int | None],
    *args: Any,
    environment: dict[str, str] | None = None,
    disturb: Callable[[list[ForkServerProcess], str], None] = lambda processes, line: None,
) -> Job:
    """Do what a function does in several processes, forked rather than started by horovodrun.

    They start within a second, and nobody but they themselves ends the others when one has ended.

    Args:
        n_processes: their number.
        main: a function of a module; `open_seq2seq.cli.main` is run.py.
        args: its arguments.
        environment: additional environment variables.
        disturb: called with the processes and each line of their output.

    Returns:
        The job, with the exit status of each process.
    """
    from horovod.runner.common.util import hosts
    from horovod.runner.gloo_run import create_run_env_vars, create_slot_env_vars
    from horovod.runner.http.http_server import RendezvousServer

    server = RendezvousServer(0)
    port = server.start()
    slots = hosts.get_host_assignments(hosts.parse_hosts(f"localhost:{n_processes}"), n_processes)
    server.init(slots)
    of_job = create_run_env_vars("127.0.0.1", ["lo"], port) | {"OMP_NUM_THREADS": "1"}
    reader, writer = multiprocessing.Pipe(duplex=False)
    processes = []
    for slot in slots:
        of_rank = {**of_job, **create_slot_env_vars(slot), **(environment or {})}
        of_rank = {name: str(value) for name, value in of_rank.items()}
        processes.append(fork(main, *args, output=writer, environment=of_rank))
    writer.close()
    kill_timer = threading.Timer(_PATIENCE_S, lambda: [process.kill() for process in processes])
    kill_timer.start()
    with open(reader.fileno(), closefd=False) as output:
        lines = _follow(output, lambda line: disturb(processes, line))
    for process in processes:
        process.join()
    kill_timer.cancel()
    server.stop()
    statuses = tuple(process.exitcode for process in processes)
    return Job(statuses, lines, time.time())


def _follow(output: Iterable[str], disturb: Callable[[str], None]) -> list[tuple[float, str]]:
    """Read the lines of a job until it has ended; return each with its time."""
    lines = []
    for line in output:
        lines.append((time.time(), line.rstrip()))
        disturb(line)
    return lines


def fixed(n_processes: int) -> list[str]:
    """Return the launcher's options for a fixed number of processes."""
    # or the launcher imports TensorFlow to see if Horovod has MPI
    return ["-np", str(n_processes), "--gloo"]


def elastic(n_processes: int, folder: Path, *options: str) -> list[str]:
    """Return the launcher's options for elastic training on this machine.

    The machine has two host names, as Horovod drops the whole host of a failed worker.
    """
    script = folder / "hosts.sh"
    script.write_text("#!/bin/sh\necho localhost:1\necho 127.0.0.1:1\n")
    script.chmod(0o755)
    sizes = ["-np", str(n_processes), "--min-np", "1", "--max-np", str(n_processes)]
    return [*sizes, "--host-discovery-script", str(script), "--network-interface", "lo", *options]
