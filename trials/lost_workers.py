"""Kill or stop one process of a job in every phase of training, see how soon it is named, and train
on.

    python trials/lost_workers.py --processes 2 4
    python trials/lost_workers.py --processes 2 --elastic

Prints a line for each job: the seconds from the loss to the line that names the process, and to the
end of the job; or, elastic, to the time when the other one trains again. Exit status 1 where
something is not as it should be.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from open_seq2seq.storage import checkpoints
from tests.support.horovod_jobs import elastic, fixed, run_job
from tests.support.paths import LOSING
from tests.support.tones import save_tones

PHASES = ("forward", "allreduce", "evaluation", "saving")
SIGNALS = ("SIGKILL", "SIGSTOP")
_N_EPOCHS = 4
_SLACK_S = 15.0  # of a busy machine, over the time limit


def lose(
    lost: str, size: int, folder: Path, data: Path, *, is_elastic: bool, timeout_s: int
) -> list[float]:
    """Run one job and return the seconds until the process was named and until the job went on or
    ended.

    Raises:
        AssertionError: the job did something else.
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
    job = run_job(arguments, launcher, {"LOSE": lost, "LOST_AT": str(folder / "lost_at")})
    named_s = job.seconds_until_named(lost.split()[1], folder / "lost_at")
    assert "open_seq2seq/" not in job.output, f"a traceback:\n{job.output}"
    assert named_s < timeout_s + _SLACK_S, f"named after {named_s:.1f} s"
    lost_at = float((folder / "lost_at").read_text())
    if is_elastic:
        assert job.status == 0, job.output
        went_on = max(moment for moment, line in job.lines if "training: steps" in line)
        _check_end(folder)
        return [named_s, went_on - lost_at]
    assert job.status != 0, "the job ended as if nothing had been"
    again = run_job([*arguments, "--no_dir_check"], launcher)
    assert again.status == 0, again.output
    _check_end(folder)
    return [named_s, job.ended - lost_at]


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
    parser.add_argument(
        "--elastic", action="store_true", help="processes may come and go; sizes up to 2"
    )
    parser.add_argument("--worker_timeout_s", type=int, default=15, help="default: 15")
    args = parser.parse_args()
    n_failed = 0
    found: dict[str, list[list[float]]] = {signal: [] for signal in SIGNALS}
    second = "training again" if args.elastic else "job's end"
    print(f"processes  phase       rank  signal   named after  {second} after")
    with tempfile.TemporaryDirectory() as name:
        data = Path(name, "tones")
        data.mkdir()
        save_tones(data)
        for size, phase, signal in itertools.product(args.processes, PHASES, SIGNALS):
            for rank in (0, size - 1):
                folder = Path(tempfile.mkdtemp(dir=name))
                try:
                    seconds = lose(
                        f"{phase} {rank} {signal}",
                        size,
                        folder,
                        data,
                        is_elastic=args.elastic,
                        timeout_s=args.worker_timeout_s,
                    )
                except AssertionError as error:
                    n_failed += 1
                    print(
                        f"{size:9}  {phase:10}  {rank:4}  {signal:7}  FAILED: {error}", flush=True
                    )
                    continue
                found[signal].append(seconds)
                print(
                    f"{size:9}  {phase:10}  {rank:4}  {signal:7}  {seconds[0]:9.1f} s  {seconds[1]:9.1f} s",
                    flush=True,
                )
    for signal, all_seconds in found.items():
        if all_seconds:
            named, then = zip(*all_seconds, strict=True)
            print(
                f"{signal}: {len(all_seconds)} jobs, named after {statistics.median(named):.1f} s (median), "
                f"{max(named):.1f} s at most; {second} after {statistics.median(then):.1f} s, {max(then):.1f} s at most"
            )
    print(f"{n_failed} jobs did something else")
    return int(n_failed > 0)


if __name__ == "__main__":
    sys.exit(main())
