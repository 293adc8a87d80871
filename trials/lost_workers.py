"""Worker failures in every phase of training: when the failed worker is named, and recovery.

    python trials/lost_workers.py --processes 2 4
    python trials/lost_workers.py --processes 2 --elastic

In each job one process is killed or stopped. A line for each job has the seconds from the failure
to the message that names the worker, and to the end of the job; with --elastic, to the time when
the other worker continues training. The exit status is 1 if a job did anything else.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from open_seq2seq.storage import checkpoints
from tests.support.horovod_jobs import elastic, fixed, run_job
from tests.support.paths import LOSING
from tests.support.tones import save_tones

PHASES = ("forward", "allreduce", "evaluation", "saving")
SIGNALS = ("SIGKILL", "SIGSTOP")
_N_EPOCHS = 4
_SLACK_S = 15.0  # allowed over the time limit, for a busy machine


class Outcome(NamedTuple):
    """Seconds from the failure until the worker was named, and until the job continued or ended."""

    named_s: float
    then_s: float


def run_failing_job(
    failure: str, size: int, folder: Path, data: Path, *, is_elastic: bool, timeout_s: int
) -> Outcome:
    """Run one job in which a worker fails.

    Args:
        failure: phase, rank and signal; see tests/support/losing_config.py.
        size: number of processes.
        folder: an empty folder for the job's files.
        data: folder of tones.
        is_elastic: whether the job is elastic.
        timeout_s: time limit for the heartbeat of a worker.

    Raises:
        AssertionError: the job did anything else than it should.
    """
    arguments = [
        f"--config_file={LOSING}",
        "--mode=train_eval",
        f"--dataset_location={data}",
        f"--logdir={folder / 'run'}",
        f"--worker_timeout_s={timeout_s}",
        f"--num_epochs={_N_EPOCHS}",
        "--elastic_commit_steps=4",
    ]
    launcher = elastic(size, folder) if is_elastic else fixed(size)
    lost_at_file = folder / "lost_at"
    job = run_job(arguments, launcher, {"LOSE": failure, "LOST_AT": str(lost_at_file)})
    named_s = job.seconds_until_named(failure.split()[1], lost_at_file)
    assert "open_seq2seq/" not in job.output, f"a traceback:\n{job.output}"
    assert named_s < timeout_s + _SLACK_S, f"named after {named_s:.1f} s"
    lost_at = float(lost_at_file.read_text())
    if is_elastic:
        assert job.status == 0, job.output
        continued_at = max(time for time, line in job.lines if "training: steps" in line)
        _check_end(folder)
        return Outcome(named_s, continued_at - lost_at)
    assert job.status != 0, "the job ended as if no worker had failed"
    resumed = run_job([*arguments, "--no_dir_check"], launcher)
    assert resumed.status == 0, resumed.output
    _check_end(folder)
    return Outcome(named_s, job.ended - lost_at)


def _check_end(folder: Path) -> None:
    newest = checkpoints.load_newest(folder / "run" / "checkpoints")
    assert newest is not None and newest.progress.epochs_done == _N_EPOCHS, (
        "the run is not at its end"
    )


def main() -> int:
    """Run all jobs and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--processes", type=int, nargs="+", default=[2, 4], help="sizes of the jobs (default: 2 4)"
    )
    parser.add_argument("--elastic", action="store_true", help="elastic training; sizes up to 2")
    parser.add_argument("--worker_timeout_s", type=int, default=15, help="default: 15")
    args = parser.parse_args()
    n_failed = 0
    outcomes: dict[str, list[Outcome]] = {signal: [] for signal in SIGNALS}
    then = "training continued" if args.elastic else "job ended"
    print(f"processes  phase       rank  signal   named after  {then} after")
    with tempfile.TemporaryDirectory() as name:
        data = Path(name, "tones")
        data.mkdir()
        save_tones(data)
        for size, phase, signal in itertools.product(args.processes, PHASES, SIGNALS):
            for rank in (0, size - 1):
                job = f"{size:9}  {phase:10}  {rank:4}  {signal:7}"
                try:
                    outcome = run_failing_job(
                        f"{phase} {rank} {signal}",
                        size,
                        Path(tempfile.mkdtemp(dir=name)),
                        data,
                        is_elastic=args.elastic,
                        timeout_s=args.worker_timeout_s,
                    )
                except AssertionError as error:
                    n_failed += 1
                    print(f"{job}  FAILED: {error}", flush=True)
                    continue
                outcomes[signal].append(outcome)
                print(f"{job}  {outcome.named_s:9.1f} s  {outcome.then_s:9.1f} s", flush=True)
    for signal, of_signal in outcomes.items():
        if of_signal:
            named_s = [outcome.named_s for outcome in of_signal]
            then_s = [outcome.then_s for outcome in of_signal]
            print(
                f"{signal}: {len(of_signal)} jobs; named after {statistics.median(named_s):.1f} s "
                f"(median), {max(named_s):.1f} s at most; {then} after "
                f"{statistics.median(then_s):.1f} s (median), {max(then_s):.1f} s at most"
            )
    print(f"{n_failed} jobs failed")
    return int(n_failed > 0)


if __name__ == "__main__":
    sys.exit(main())
