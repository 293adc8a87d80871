"""Kill training runs with SIGKILL at random moments, take each up again, and compare what they end
with.

    python trials/kill_test.py [--kills 200] [--seed 0]

The run is tests/support/eventful_config.py: BatchNorm, dropout, every augmentation, caches, steps
of two batches, a loss scale that moves, averaged weights, early stopping, and a checkpoint every
other step. Of 100 kills 60 wait until a checkpoint is being written, which takes 5 ms, and then 0
to 30 ms, more often few; 30 come at a random moment of training, 10 while the run starts or takes
up its checkpoint. Runs keep waveforms or images, in memory or in files. They are forked from a
process that has imported TensorFlow, so that a start takes one second instead of five; what they
execute is run.py's own.

The exit status is 1 if a run could not go on, went on behind its last complete checkpoint, or ended
with one bit of weights, optimizer, loss scale, metrics or of any step's batch, loss or learning
rate other than in the undisturbed run.

A killed process is not a power cut: what it has written stays in the system's cache, and reaches
the disk. That checkpoints also wait for the disk (fsync) is what tests/test_checkpoints.py looks
at.
"""

import argparse
import collections
import os
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
# first: it keeps NumPy from starting threads
from tests.support.forked import fork, wait, warm_up  # noqa: E402

# isort: split
from open_seq2seq.storage import checkpoints  # noqa: E402
from tests.support.paths import EVENTFUL  # noqa: E402
from tests.support.run_records import LAST_STEP, differences, read_lines, strange_steps  # noqa: E402
from tests.support.tones import save_tones  # noqa: E402

CACHES = ("waveforms", "images", "image files")
_BEGINNING = "-- a new process"
_START_S = 1.2  # about what a start takes; kills of starts lie within it
_PATIENCE_S = 300  # no run takes so long


class Run:
    """One run, of as many processes as it takes: its logdir, what they print, and a line for each
    of their steps.
    """

    def __init__(self, folder: Path, data: Path, cache: str) -> None:
        folder.mkdir()
        self.logdir, self.output, self.step_log = (
            folder / "logdir",
            folder / "output",
            folder / "steps",
        )
        self.cache = cache
        self.arguments = [
            f"--config_file={EVENTFUL}",
            "--mode=train_eval",
            f"--dataset_location={data}",
        ]
        self.arguments += [f"--logdir={self.logdir}", "--no_dir_check"]
        self.arguments += [
            f"--data_layer_params/cache_data={'waveforms' if cache == 'waveforms' else 'images'}"
        ]
        if cache == "image files":
            self.arguments += [f"--data_layer_params/cache_dir={folder / 'cache'}"]

    def start(self, expected_step: int) -> int:
        """Start a process that trains; return its number."""
        with open(self.output, "a") as output:
            output.write(f"{_BEGINNING}; the last complete checkpoint is of step {expected_step}\n")
        return fork(self.arguments, self.output, {"STEP_LOG": str(self.step_log)})

    def newest(self) -> int:
        """Return the step of the last checkpoint that can be seen, which is whole, or 0."""
        names = sorted(path.name for path in self.logdir.glob("checkpoints/step-*"))
        return checkpoints.load(self.logdir / "checkpoints" / names[-1]).step if names else 0

    def is_saving(self) -> bool:
        """Tell whether a checkpoint is half written or half deleted."""
        return any(
            any(self.logdir.glob(f"{folder}/.step-*")) for folder in ("checkpoints", "best_models")
        )

    def n_steps(self) -> int:
        """Return how many steps were taken so far, those included that a kill has undone."""
        return len(read_lines(self.step_log))


def wait_for_moment(run: Run, pid: int, aim: str, rng: random.Random) -> int | None:
    """Wait for a moment to kill at; return the exit status of a run that was faster."""
    deadline = time.monotonic() + _PATIENCE_S
    if aim == "start":
        return wait(pid, rng.uniform(0, _START_S))
    n_steps = run.n_steps()
    n_saves, was_saving = (rng.randint(1, 4) if aim == "save" else 0), False
    while time.monotonic() < deadline:
        status = wait(pid, 0)
        if status is not None:
            return status
        if aim == "training" and run.n_steps() > n_steps:
            return wait(pid, rng.uniform(0, 0.3))
        if aim == "save" and run.is_saving() != was_saving:
            was_saving = not was_saving
            n_saves -= was_saving
            if was_saving and not n_saves:
                return wait(pid, 0.03 * rng.random() ** 3)
        time.sleep(0.0005)
    raise RuntimeError("the run hangs")


def kill_until_done(
    run: Run, n_kills: int, rng: random.Random, counts: collections.Counter
) -> list[str]:
    """Start a run and kill it until it has ended or was killed so often; return what is wrong with
    it.
    """
    problems: list[str] = []
    n_killed = 0
    while True:
        expected = run.newest()
        pid = run.start(expected)
        aim = (
            rng.choices(("save", "training", "start"), (60, 30, 10))[0]
            if n_killed < n_kills
            else "end"
        )
        status = wait(pid, _PATIENCE_S) if aim == "end" else wait_for_moment(run, pid, aim, rng)
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            n_killed += 1
            counts[aim] += 1
            counts["in the middle of a save"] += run.is_saving()
        said = run.output.read_text().rsplit(_BEGINNING, 1)[1]
        went_on = re.search(r"continuing from step (\d+)", said)
        if went_on and int(went_on[1]) != expected:
            counts["behind"] += 1
            problems.append(f"went on from step {went_on[1]}, not {expected}")
        if not went_on and expected and "training: steps" in said:
            counts["behind"] += 1
            problems.append(f"began anew in spite of step {expected}")
        if status is None:
            continue
        if status:
            counts["cannot go on"] += 1
            problems.append(f"exit status {status}:\n{said}")
        return problems


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of tones, as tests/tones.py makes it; by default it is made",
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    warm_up()
    rng = random.Random(args.seed)
    counts: collections.Counter = collections.Counter()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or save_tones(Path(folder))
        straight: dict[str, Run] = {}
        for cache in ("waveforms", "images"):
            straight[cache] = Run(Path(folder, f"straight-{cache}"), data, cache)
            problems += kill_until_done(straight[cache], 0, rng, counts)
            assert straight[cache].newest() == LAST_STEP == straight[cache].n_steps(), problems
        n_runs = 0
        while (n_killed := sum(counts[aim] for aim in ("save", "training", "start"))) < args.kills:
            disturbed = Run(Path(folder, f"run-{n_runs}"), data, CACHES[n_runs % len(CACHES)])
            found = kill_until_done(
                disturbed, min(args.kills - n_killed, rng.randint(3, 8)), rng, counts
            )
            expected = straight["waveforms" if disturbed.cache == "waveforms" else "images"]
            otherwise = strange_steps(read_lines(disturbed.step_log), read_lines(expected.step_log))
            otherwise += [] if found else differences(disturbed.logdir, expected.logdir)
            counts["otherwise"] += bool(otherwise)
            problems += [
                f"run {n_runs}, {disturbed.cache}: {problem}" for problem in found + otherwise
            ]
            n_runs += 1
    for problem in problems:
        print(problem)
    print(
        f"{n_killed} kills of {n_runs} runs: {counts['save']} aimed at a save, {counts['training']} at training, "
        f"{counts['start']} at a start; {counts['in the middle of a save']} left a save half done\n"
        f"runs that cannot go on: {counts['cannot go on']}; that went on behind their last complete checkpoint: "
        f"{counts['behind']}; that ended otherwise than the undisturbed one: {counts['otherwise']}"
    )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
