"""Growth of memory, open files and threads in one long training run.

    python trials/long_run.py [--steps 20000] [--max_growth_mb 5]

The run is that of tests/support/eventful_config.py without early stopping: augmentation, dropout,
EMA of the weights, histograms of all variables and gradients every 20 steps, an evaluation and a
checkpoint every 50. Memory, files and threads are read from /proc ten times a second.

Growth is measured from the second tenth of the run, when everything has been used once, to the last
tenth: of the median memory, and of the largest numbers of files and threads. The exit status is 1
if memory grew by more than --max_growth_mb, or files or threads by more than two.
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
_MAX_GROWTH = 2  # files or threads; so many are opened for a short time


class Sample(NamedTuple):
    """Memory, open files and threads of a process at a step."""

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
    """Sample a run until it ends; the step of a sample is the last one that the run has printed."""
    samples = []
    while process.poll() is None:
        steps = re.findall(r"^step (\d+) of", output.read_text(), re.MULTILINE)
        try:
            samples.append(sample(process.pid, int([0, *steps][-1])))
        except (OSError, KeyError):  # the process has just ended
            break
        time.sleep(0.1)
    return samples


def in_tenth(samples: list[Sample], tenth: int, n_steps: int) -> Sample:
    """Return the median memory and the largest numbers of files and threads in a tenth of a run."""
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
    print(f"{args.steps} steps in {time.monotonic() - started:.0f} s")
    print("  to step  memory, MB  open files  threads")
    tenths = [in_tenth(samples, tenth, args.steps) for tenth in range(1, _TENTHS + 1)]
    for step, rss_mb, n_files, n_threads in tenths:
        print(f"{step:9}{rss_mb:12.1f}{n_files:12}{n_threads:9}")
    early, last = tenths[1], tenths[-1]
    more_mb = last.rss_mb - early.rss_mb
    n_more_files = last.n_files - early.n_files
    n_more_threads = last.n_threads - early.n_threads
    print(f"growth: {more_mb:.1f} MB, {n_more_files} files, {n_more_threads} threads")
    return int(more_mb > args.max_growth_mb or max(n_more_files, n_more_threads) > _MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
