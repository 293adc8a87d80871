"""Damage checkpoints in every way a disk, a copy or a hand can: is it noticed, and what is loaded
instead?

    python trials/damage_test.py [--damages 3000] [--seed 0]

Of three checkpoints one or more are damaged, each in one way: a flipped bit, a byte or a block
overwritten, a file cut, emptied, lengthened, removed, replaced by a folder, or exchanged with that
of another checkpoint; or the folder itself removed, replaced by a file, or renamed to another step.
What is loaded must be the newest of those that are left, bit by bit, with a line for each damaged
one that was passed over; where none is left, a message instead, as for a mistake of the user. The
exit status is 1 if that failed once.
"""

import argparse
import collections
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from open_seq2seq.config.early_stopping import Patience
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.progress import Progress, RunInfo
from tests.support.log_lines import collected

STEPS = (10, 20, 30)
FILES = ("model.npz", "training.npz", "state.json")


def make(step: int) -> Checkpoint:
    rng = np.random.default_rng(step)
    model = {f"layer{i}/kernel": rng.standard_normal((8, 16), dtype=np.float32) for i in range(3)}
    training = {f"momentum/{name}": -values for name, values in model.items()} | {
        "iterations": np.array(step)
    }
    progress = Progress(
        step=step, epoch=1, row=step, best_top1=step / 100, patience=Patience(n_waited=step)
    )
    return Checkpoint(model, training, progress, RunInfo(labels=("yes", "no")))


def flip_a_bit(data: bytearray, rng: np.random.Generator) -> None:
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)


def overwrite_a_byte(data: bytearray, rng: np.random.Generator) -> None:
    data[rng.integers(len(data))] ^= rng.integers(1, 256)


def zero_a_block(data: bytearray, rng: np.random.Generator) -> None:
    start = rng.integers(len(data))
    data[start : start + 512] = bytes(len(data[start : start + 512]))


def cut(data: bytearray, rng: np.random.Generator) -> None:
    del data[rng.integers(1, len(data)) :]


def empty(data: bytearray, rng: np.random.Generator) -> None:
    data.clear()


def lengthen(data: bytearray, rng: np.random.Generator) -> None:
    data += b"\x00" + rng.bytes(rng.integers(100))


def remove(file: Path) -> None:
    file.unlink()


def replace_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def remove_folder(path: Path) -> None:
    shutil.rmtree(path)


def replace_by_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.touch()


def rename_to_a_later_step(path: Path) -> None:
    path.rename(path.with_name(f"step-0000009{path.name[-2]}"))


def rename_to_an_earlier_step(path: Path) -> None:
    path.rename(path.with_name(f"{path.name[:-1]}1"))


CONTENTS: tuple[Callable, ...] = (flip_a_bit, overwrite_a_byte, zero_a_block, cut, empty, lengthen)
ENTRIES: tuple[Callable, ...] = (remove, replace_by_a_folder)
FOLDERS: tuple[Callable, ...] = (
    remove_folder,
    replace_by_a_file,
    rename_to_a_later_step,
    rename_to_an_earlier_step,
)


def exchange(folder: Path, rng: np.random.Generator) -> tuple[str, set[int]]:
    """Exchange a file between two checkpoints, and return what was done and to which steps."""
    name, pair = rng.choice(FILES), rng.choice(STEPS, 2, replace=False)
    one, other = (folder / f"step-{step:08d}" / name for step in pair)
    aside = folder / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    return f"{name}: exchange", {int(step) for step in pair}


def damage(folder: Path, kind: Callable, step: int, rng: np.random.Generator) -> str:
    """Damage the checkpoint of a step, and return what was done."""
    path = folder / f"step-{step:08d}"
    if kind in FOLDERS:
        kind(path)
        return f"folder: {kind.__name__}"
    file = path / rng.choice(FILES)
    if kind in ENTRIES:
        kind(file)
    else:
        before = file.read_bytes()
        data = bytearray(before)
        while data == before:  # zeros over zeros are no damage
            kind(data, rng)
        file.write_bytes(data)
    return f"{file.name}: {kind.__name__}"


def problem_of(folder: Path, damaged: set[int]) -> str:
    """Load what is left; return what is wrong with that, or nothing."""
    left = [step for step in STEPS if step not in damaged]
    passed_over = [
        path
        for path in checkpoints.list_checkpoints(folder)
        if left and path.name > f"step-{left[-1]:08d}"
    ]
    try:
        with collected() as said:
            found = checkpoints.load_newest(folder)
    except UserError as error:
        return "" if not left and "checkpoints are corrupt" in str(error) else f"UserError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if found is None:
        return "" if not checkpoints.list_checkpoints(folder) else "nothing was found"
    if not left or found.step != left[-1]:
        return f"step {found.step} was loaded, of {left}"
    if len(said) != len(passed_over):
        return f"{len(passed_over)} were passed over, {len(said)} were named"
    saved = make(left[-1])
    is_same = found[2:] == saved[2:] and all(
        {name: values.tobytes() for name, values in ours.items()}
        == {name: values.tobytes() for name, values in theirs.items()}
        for ours, theirs in ((found.model, saved.model), (found.training, saved.training))
    )
    return "" if is_same else "what was loaded is not what was saved"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    kinds = (
        *CONTENTS * 4,
        *ENTRIES,
        *FOLDERS,
    )  # of what happens within a file, more cases are worth a look
    counts: collections.Counter = collections.Counter()
    n_without = n_problems = 0
    with tempfile.TemporaryDirectory() as place:
        whole, folder = Path(place, "whole"), Path(place, "damaged")
        for step in STEPS:
            checkpoints.save(whole, make(step), keep=len(STEPS))
        while counts.total() < args.damages:
            shutil.copytree(whole, folder)
            if rng.random() < 0.1:
                done, damaged = exchange(folder, rng)
                dones = [done]
            else:
                damaged = {
                    int(step)
                    for step in rng.choice(STEPS, rng.integers(1, len(STEPS) + 1), replace=False)
                }
                dones = [
                    damage(folder, kinds[rng.integers(len(kinds))], step, rng)
                    for step in sorted(damaged)
                ]
            counts.update(dones)
            n_without += len(damaged) == len(STEPS)
            if problem := problem_of(folder, damaged):
                n_problems += 1
                print(f"{dones} of steps {sorted(damaged)}: {problem}")
            shutil.rmtree(folder)
    for done, count in sorted(counts.items()):
        print(f"{count:5}  {done}")
    print(
        f"{counts.total()} damages, in {n_without} cases to all checkpoints; {n_problems} not noticed or not got over"
    )
    return int(n_problems > 0)


if __name__ == "__main__":
    sys.exit(main())
