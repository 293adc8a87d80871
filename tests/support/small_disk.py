"""Training runs on a small disk that fills up, and turns read-only; started by test_full_disk.py.

    unshare -rm python -m tests.support.small_disk FOLDER DATA

In a mount namespace of its own, so that no rights are needed: FOLDER is where the disk is mounted,
DATA are tones.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.support.forked import fork, wait, warm_up  # first: it keeps NumPy from starting threads

# isort: split
from open_seq2seq.storage import checkpoints
from tests.support.paths import TINY

DISK, DATA = Path(sys.argv[1], "disk"), Path(sys.argv[2])
OUTPUT, LOGDIR = Path(sys.argv[1], "output"), DISK / "run"
ARGUMENTS = [
    f"--config_file={TINY}",
    f"--dataset_location={DATA}",
    f"--logdir={LOGDIR}",
    "--save_checkpoint_steps=2",
]


def start(*arguments: str) -> int:
    OUTPUT.write_text("")
    return fork([*ARGUMENTS, *arguments], OUTPUT)


def check(pid: int, status: int, *said: str) -> None:
    found, out = wait(pid, 300), OUTPUT.read_text()
    assert found == status, (found, out)
    assert "Traceback" not in out and all(text in out for text in said), out


def intact() -> list[int]:
    """Return the steps of the checkpoints; all that can be seen must be whole."""
    return [
        checkpoints.load(path).step for path in checkpoints.list_checkpoints(LOGDIR / "checkpoints")
    ]


def mount(*options: str) -> bool:
    return subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0


warm_up()
DISK.mkdir()
assert mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(DISK))

# it fills up: the first checkpoint that finds no room ends the run
pid = start("--mode=train_eval", "--num_epochs=1000", "--num_checkpoints=1000", "--eval_steps=1")
check(
    pid,
    2,
    "error: logdir: cannot save a checkpoint in",
    "No space left on device",
    "earlier ones are intact",
)
steps = intact()
assert len(steps) > 3 and steps == list(range(2, steps[-1] + 1, 2))
assert not list((LOGDIR / "checkpoints").glob(".*"))  # what was begun is taken away
lines = [json.loads(line) for line in (LOGDIR / "metrics.jsonl").read_text().splitlines()]
assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))

# with room again it goes on from there
for path in checkpoints.list_checkpoints(LOGDIR / "checkpoints")[:-1]:
    shutil.rmtree(path)
to_the_end = ["--num_epochs=None", f"--max_steps={steps[-1] + 2}", "--continue_learning"]
check(start("--mode=train", *to_the_end), 0, f"continuing from step {steps[-1]}")
assert intact()[-1] == steps[-1] + 2

# it turns read-only while a run goes on, which has no files open all the time
pid = start(
    "--mode=train", "--num_epochs=1000", "--save_summaries_steps=None", "--continue_learning"
)
before = intact()[-1]
while intact()[-1] < before + 4:
    assert wait(pid, 0.01) is None, OUTPUT.read_text()
while not mount("-o", "remount,ro", str(DISK)):  # not while a file is being written
    time.sleep(0.001)
check(
    pid,
    2,
    "error: logdir: cannot save a checkpoint in",
    "Read-only file system",
    "run.log: cannot be written",
)
assert intact()[-1] >= before + 4

# and is read-only when one begins
check(
    start("--mode=train", "--num_epochs=1000", "--continue_learning"),
    2,
    "cannot be read and written by this user",
)
