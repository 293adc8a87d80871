"""Memory, open files and threads of one long training run, with checkpoints, evaluations and
summaries all along.

    python trials/long_run.py [--steps 20000] [--max_growth_mb 5]

The run is that of tests/support/eventful_config.py without its early end: augmentation, dropout, a
moving average, histograms of all variables and gradients every 20 steps, an evaluation and a
checkpoint every 50. What the process holds is read from /proc ten times a second. Growth is from
the second tenth of the run, when everything has been used once, to the last one, of the median
memory and of the most files and threads; the exit status is 1 if memory grew by more than
--max_growth_mb, or files or threads by more than the two that come and go.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.support.paths import EVENTFUL  # noqa: E402
from tests.support.tones import save_tones  # noqa: E402

_TENTHS = 10
_COME_AND_GO = 2


class Sample(NamedTuple):
    """What a process holds at some moment."""

    step: int
    rss_mb: float
    n_files: int
    n_threads: int


def sample(pid: int, step: int) -> Sample:
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    rss_mb = int(status["VmRSS"].split()[0]) / 1024
    return Sample(step, rss_mb, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]))


def watch(process: subprocess.Popen, output: Path) -> list[Sample]:
    """Sample a run until it ends; the steps are those of the last line that it has printed."""
    samples = []
    while process.poll() is None:
        steps = re.findall(r"^step (\d+) of", output.read_text(), re.MULTILINE)
        try:
            samples.append(sample(process.pid, int(steps[-1]) if steps else 0))
        except (OSError, KeyError):  # it has just ended
            break
        time.sleep(0.1)
    return samples


def in_tenth(samples: list[Sample], tenth: int, n_steps: int) -> Sample:
    """Return the median memory and the most files and threads of one tenth of a run."""
    some = [s for s in samples if n_steps * (tenth - 1) <= s.step * _TENTHS < n_steps * tenth]
    _, rss_mb, n_files, n_threads = zip(*some, strict=True)
    return Sample(
        n_steps * tenth // _TENTHS, statistics.median(rss_mb), max(n_files), max(n_threads)
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--max_growth_mb", type=float, default=5.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flags = [
            f"--config_file={EVENTFUL}",
            "--mode=train_eval",
            f"--dataset_location={save_tones(Path(folder))}",
        ]
        flags += [
            f"--logdir={folder}/logdir",
            "--num_epochs=None",
            f"--max_steps={args.steps}",
            "--print_loss_steps=10",
        ]
        flags += ["--early_stopping_params=None", "--eval_steps=50", "--save_checkpoint_steps=50"]
        flags += [
            "--save_summaries_steps=20",
            "--summaries=['variables', 'gradients', 'gradient_norm', 'variable_norm']",
        ]
        output = Path(folder, "output")
        started = time.monotonic()
        with open(output, "w") as file:
            process = subprocess.Popen(
                [sys.executable, "run.py", *flags], cwd=ROOT, stdout=file, stderr=file
            )
        samples = watch(process, output)
        if process.wait():
            print(output.read_text())
            return 1
    print(
        f"{args.steps} steps in {time.monotonic() - started:.0f} s\n  to step  memory, MB  open files  threads"
    )
    tenths = [in_tenth(samples, tenth, args.steps) for tenth in range(1, _TENTHS + 1)]
    for step, rss_mb, n_files, n_threads in tenths:
        print(f"{step:9}{rss_mb:12.1f}{n_files:12}{n_threads:9}")
    early, last = tenths[1], tenths[-1]
    _, rss_mb, n_files, n_threads = (now - then for now, then in zip(last, early, strict=True))
    print(f"growth: {rss_mb:.1f} MB, {n_files} files, {n_threads} threads")
    return int(rss_mb > args.max_growth_mb or max(n_files, n_threads) > _COME_AND_GO)


if __name__ == "__main__":
    sys.exit(main())
