"""Kill training runs with SIGKILL at random times, resume them, and compare their results.

    python trials/kill_test.py [--kills 200] [--seed 0]

The run is tests/support/eventful_config.py: BatchNorm, dropout, every augmentation, caches, steps
of two batches, a changing loss scale, EMA of the weights, early stopping, and a checkpoint every
other step. Runs cache waveforms or images, in memory or in files.

Of 100 kills, 60 aim at a checkpoint: they wait until one is being written, which takes 5 ms, and
then for 0 to 30 ms, mostly short times. 30 are at a random time of training, and 10 while the run
starts or resumes. The runs are forked from a process that has imported TensorFlow, which shortens a
start from five seconds to one; they execute the code of run.py.

The exit status is 1 if a run cannot resume, resumes before its last complete checkpoint, or differs
from the uninterrupted run in a bit of the weights, optimizer, loss scale or metrics, or of a step's
batch, loss or learning rate.

A kill is not a power cut: what the process has written is in the system's cache and reaches the
disk. tests/storage/test_checkpoints.py tests that checkpoints wait for the disk (fsync).
"""

import argparse
import collections
import random
import re
import sys
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from open_seq2seq import cli  # noqa: E402
from open_seq2seq.storage import checkpoints  # noqa: E402
from open_seq2seq.system.paths import user_path  # noqa: E402
from tests.support.forked import fork, wait  # noqa: E402
from tests.support.paths import EVENTFUL  # noqa: E402
from tests.support.run_records import LAST_STEP, differences, read_lines, strange_steps  # noqa: E402
from tests.support.tones import save_tones  # noqa: E402

_CACHED = {"waveforms": "waveforms", "images": "images", "image files": "images"}
CACHES = tuple(_CACHED)
_FIRST_LINE = "-- a new process"
_START_S = 1.2  # about the time of a start
_PATIENCE_S = 300  # longer than any run


class Run:
    """One run of one or more processes.

    Attributes:
        logdir: the run's folder.
        output: file with the output of all processes.
        step_log: file with a line for each step.
        cache: one of `CACHES`.
        arguments: arguments of run.py.
    """

    def __init__(self, folder: Path, data: Path, cache: str) -> None:
        folder.mkdir()
        self.logdir = folder / "logdir"
        self.output = folder / "output"
        self.step_log = folder / "steps"
        self.cache = cache
        self.arguments = [
            f"--config_file={EVENTFUL}",
            "--mode=train_eval",
            f"--dataset_location={data}",
            f"--logdir={self.logdir}",
            "--no_dir_check",
            f"--data_layer_params/cache_data={_CACHED[cache]}",
        ]
        if cache == "image files":
            self.arguments.append(f"--data_layer_params/cache_dir={folder / 'cache'}")

    def start(self, expected_step: int) -> ForkServerProcess:
        """Start a process that trains."""
        with open(self.output, "a") as output:
            output.write(f"{_FIRST_LINE}; the last complete checkpoint is step {expected_step}\n")
        environment = {"STEP_LOG": str(self.step_log)}
        return fork(cli.main, self.arguments, output=self.output, environment=environment)

    def newest(self) -> int:
        """Return the step of the last complete checkpoint, or 0."""
        names = sorted(path.name for path in self.logdir.glob("checkpoints/step-*"))
        if not names:
            return 0
        return checkpoints.load(self.logdir / "checkpoints" / names[-1]).step

    def is_saving(self) -> bool:
        """Tell whether a checkpoint is partly written or partly deleted."""
        return any(
            any(self.logdir.glob(f"{folder}/.step-*")) for folder in ("checkpoints", "best_models")
        )

    def n_steps(self) -> int:
        """Return the number of steps so far, including those that a kill has undone."""
        return len(read_lines(self.step_log))


def wait_for_moment(
    run: Run, process: ForkServerProcess, aim: str, rng: random.Random
) -> int | None:
    """Wait for a random time to kill at; return the exit status if the run ends before."""
    deadline = time.monotonic() + _PATIENCE_S
    if aim == "start":
        return wait(process, rng.uniform(0, _START_S))
    n_steps = run.n_steps()
    n_saves, was_saving = 0, False
    if aim == "save":
        n_saves = rng.randint(1, 4)
    while time.monotonic() < deadline:
        status = wait(process, 0)
        if status is not None:
            return status
        if aim == "training" and run.n_steps() > n_steps:
            return wait(process, rng.uniform(0, 0.3))
        if aim == "save" and run.is_saving() != was_saving:
            was_saving = not was_saving
            if was_saving:
                n_saves -= 1
                if n_saves == 0:
                    return wait(process, 0.03 * rng.random() ** 3)
        time.sleep(0.0005)
    raise RuntimeError("the run hangs")


def kill_until_done(
    run: Run, n_kills: int, rng: random.Random, counts: collections.Counter
) -> list[str]:
    """Kill and resume a run ``n_kills`` times, then let it end; return what went wrong."""
    problems: list[str] = []
    n_killed = 0
    while True:
        expected = run.newest()
        process = run.start(expected)
        if n_killed < n_kills:
            aim = rng.choices(("save", "training", "start"), (60, 30, 10))[0]
            status = wait_for_moment(run, process, aim, rng)
        else:
            aim = "end"
            status = wait(process, _PATIENCE_S)
        if status is None:
            process.kill()
            process.join()
            n_killed += 1
            counts[aim] += 1
            if run.is_saving():
                counts["incomplete save"] += 1
        output = run.output.read_text().rsplit(_FIRST_LINE, 1)[1]
        resumed = re.search(r"continuing from step (\d+)", output)
        if resumed and int(resumed[1]) != expected:
            counts["behind"] += 1
            problems.append(f"resumed from step {resumed[1]}, not {expected}")
        if not resumed and expected and "training: steps" in output:
            counts["behind"] += 1
            problems.append(f"started from step 0, not {expected}")
        if status is None:
            continue
        if status:
            counts["cannot resume"] += 1
            problems.append(f"exit status {status}:\n{output}")
        return problems


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--data",
        type=user_path,
        help="folder of tones from tests/support/tones.py (default: a temporary one)",
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    rng = random.Random(args.seed)
    counts: collections.Counter = collections.Counter()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or save_tones(Path(folder))
        uninterrupted: dict[str, Run] = {}
        for cache in ("waveforms", "images"):
            run = Run(Path(folder, f"uninterrupted-{cache}"), data, cache)
            problems += kill_until_done(run, 0, rng, counts)
            assert run.newest() == LAST_STEP == run.n_steps(), problems
            uninterrupted[cache] = run
        n_runs = 0
        while (n_killed := sum(counts[aim] for aim in ("save", "training", "start"))) < args.kills:
            run = Run(Path(folder, f"run-{n_runs}"), data, CACHES[n_runs % len(CACHES)])
            n_kills = min(args.kills - n_killed, rng.randint(3, 8))
            of_run = kill_until_done(run, n_kills, rng, counts)
            expected = uninterrupted[_CACHED[run.cache]]
            deviations = strange_steps(read_lines(run.step_log), read_lines(expected.step_log))
            if not of_run:
                deviations += differences(run.logdir, expected.logdir)
            if deviations:
                counts["different"] += 1
            problems += [f"run {n_runs}, {run.cache}: {text}" for text in of_run + deviations]
            n_runs += 1
    for problem in problems:
        print(problem)
    print(
        f"{n_killed} kills of {n_runs} runs: {counts['save']} aimed at a checkpoint, "
        f"{counts['training']} at training, {counts['start']} at a start; "
        f"{counts['incomplete save']} left a checkpoint incomplete\n"
        f"runs that cannot resume: {counts['cannot resume']}; "
        f"that resumed before their last complete checkpoint: {counts['behind']}; "
        f"that differ from the uninterrupted run: {counts['different']}"
    )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
