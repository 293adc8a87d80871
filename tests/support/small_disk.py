"""Training runs on a small disk that fills up and turns read-only; test_full_disk.py starts it.

    unshare -rm python -m tests.support.small_disk FOLDER DATA

It has a mount namespace of its own, so it needs no root rights. The disk is mounted in FOLDER, and
DATA is a folder of tones.
"""

import json
import shutil
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from open_seq2seq.cli import main as run
from open_seq2seq.storage import checkpoints
from tests.support.forked import fork, wait
from tests.support.paths import TINY

DISK, DATA = Path(sys.argv[1], "disk"), Path(sys.argv[2])
OUTPUT, LOGDIR = Path(sys.argv[1], "output"), DISK / "run"
ARGUMENTS = [
    f"--config_file={TINY}",
    f"--dataset_location={DATA}",
    f"--logdir={LOGDIR}",
    "--save_checkpoint_steps=2",
]


def start(*arguments: str) -> ForkServerProcess:
    OUTPUT.write_text("")
    return fork(run, [*ARGUMENTS, *arguments], output=OUTPUT)


def check(process: ForkServerProcess, expected_status: int, *expected: str) -> None:
    status, output = wait(process, 300), OUTPUT.read_text()
    assert status == expected_status, (status, output)
    assert "Traceback" not in output and all(text in output for text in expected), output


def intact() -> list[int]:
    """Return the steps of the checkpoints, all of which must be complete."""
    return [
        checkpoints.load(path).step for path in checkpoints.list_checkpoints(LOGDIR / "checkpoints")
    ]


def mount(*options: str) -> bool:
    return subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0


def main() -> None:
    DISK.mkdir()
    assert mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(DISK))

    # the disk fills up: the first checkpoint without space ends the run
    process = start(
        "--mode=train_eval", "--num_epochs=1000", "--num_checkpoints=1000", "--eval_steps=1"
    )
    check(
        process,
        2,
        "error: logdir: cannot save a checkpoint in",
        "No space left on device",
        "earlier ones are intact",
    )
    steps = intact()
    assert len(steps) > 3 and steps == list(range(2, steps[-1] + 1, 2))
    assert not list((LOGDIR / "checkpoints").glob(".*"))  # no incomplete checkpoint is left
    lines = [json.loads(line) for line in (LOGDIR / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))

    # with free space again, the run resumes
    for path in checkpoints.list_checkpoints(LOGDIR / "checkpoints")[:-1]:
        shutil.rmtree(path)
    to_the_end = ["--num_epochs=None", f"--max_steps={steps[-1] + 2}", "--continue_learning"]
    check(start("--mode=train", *to_the_end), 0, f"continuing from step {steps[-1]}")
    assert intact()[-1] == steps[-1] + 2

    # the disk turns read-only during a run, which keeps no files open
    process = start(
        "--mode=train", "--num_epochs=1000", "--save_summaries_steps=None", "--continue_learning"
    )
    before = intact()[-1]
    while intact()[-1] < before + 4:
        assert wait(process, 0.01) is None, OUTPUT.read_text()
    while not mount("-o", "remount,ro", str(DISK)):  # not while a file is being written
        time.sleep(0.001)
    check(
        process,
        2,
        "error: logdir: cannot save a checkpoint in",
        "Read-only file system",
        "run.log: cannot be written",
    )
    assert intact()[-1] >= before + 4

    # the disk is read-only when a run starts
    check(
        start("--mode=train", "--num_epochs=1000", "--continue_learning"),
        2,
        "cannot be read and written by this user",
    )


if __name__ == "__main__":
    main()
