"""Corrupt checkpoints at random: is every corruption detected, and what is loaded instead?

    python trials/damage_test.py [--damages 3000] [--seed 0]

One or more of three checkpoints are corrupted, each in one way. In a file, a bit is flipped, a byte
or a block overwritten, or the file is truncated, emptied, extended, removed, replaced by a folder,
or exchanged with that of another checkpoint. Or the checkpoint's folder is removed, replaced by a
file, or renamed to another step.

The newest intact checkpoint must be loaded, bit by bit, with a warning for each newer one. Without
an intact one, a `UserError` must be raised. The exit status is 1 if a case failed.
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
from open_seq2seq.storage.variables import differing
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


def truncate(data: bytearray, rng: np.random.Generator) -> None:
    del data[rng.integers(1, len(data)) :]


def empty(data: bytearray, rng: np.random.Generator) -> None:
    data.clear()


def extend(data: bytearray, rng: np.random.Generator) -> None:
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


CONTENTS: tuple[Callable, ...] = (
    flip_a_bit,
    overwrite_a_byte,
    zero_a_block,
    truncate,
    empty,
    extend,
)
ENTRIES: tuple[Callable, ...] = (remove, replace_by_a_folder)
FOLDERS: tuple[Callable, ...] = (
    remove_folder,
    replace_by_a_file,
    rename_to_a_later_step,
    rename_to_an_earlier_step,
)


def exchange(folder: Path, rng: np.random.Generator) -> tuple[str, set[int]]:
    """Exchange a file between two checkpoints; return a description, and the two steps."""
    name, pair = rng.choice(FILES), rng.choice(STEPS, 2, replace=False)
    one, other = (folder / f"step-{step:08d}" / name for step in pair)
    temporary = folder / "temporary"
    one.rename(temporary)
    other.rename(one)
    temporary.rename(other)
    return f"{name}: exchange", {int(step) for step in pair}


def corrupt(folder: Path, kind: Callable, step: int, rng: np.random.Generator) -> str:
    """Corrupt the checkpoint of a step and return a description."""
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
        while data == before:  # zeros over zeros change nothing
            kind(data, rng)
        file.write_bytes(data)
    return f"{file.name}: {kind.__name__}"


def problem_of(folder: Path, corrupted: set[int]) -> str:
    """Load the newest checkpoint; return what is wrong with the result, or ""."""
    present = checkpoints.list_checkpoints(folder)
    intact = [step for step in STEPS if step not in corrupted]
    try:
        with collected() as warnings:
            loaded = checkpoints.load_newest(folder)
    except UserError as error:
        if not intact and f"all {len(present)} checkpoints are" in str(error):
            return ""
        return f"UserError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if loaded is None:
        return "nothing was loaded" if present else ""
    if not intact or loaded.step != intact[-1]:
        return f"step {loaded.step} was loaded, intact are {intact}"
    n_skipped = sum(path.name > f"step-{intact[-1]:08d}" for path in present)
    if len(warnings) != n_skipped:
        return f"{n_skipped} were skipped, with {len(warnings)} warnings"
    saved = make(intact[-1])
    if loaded[2:] != saved[2:]:
        return "another state was loaded than saved"
    if any(differing(loaded.model, saved.model)):
        return "another model was loaded than saved"
    if any(differing(loaded.training, saved.training)):
        return "another training state was loaded than saved"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    kinds = (*CONTENTS * 4, *ENTRIES, *FOLDERS)  # more cases of changed contents, which vary most
    counts: collections.Counter = collections.Counter()
    n_without_intact = n_problems = 0
    with tempfile.TemporaryDirectory() as temporary:
        original, folder = Path(temporary, "original"), Path(temporary, "corrupted")
        for step in STEPS:
            checkpoints.save(original, make(step), keep=len(STEPS))
        while counts.total() < args.damages:
            shutil.copytree(original, folder)
            if rng.random() < 0.1:
                description, corrupted = exchange(folder, rng)
                descriptions = [description]
            else:
                n_corrupted = rng.integers(1, len(STEPS) + 1)
                corrupted = {int(step) for step in rng.choice(STEPS, n_corrupted, replace=False)}
                descriptions = [
                    corrupt(folder, kinds[rng.integers(len(kinds))], step, rng)
                    for step in sorted(corrupted)
                ]
            counts.update(descriptions)
            if len(corrupted) == len(STEPS):
                n_without_intact += 1
            if problem := problem_of(folder, corrupted):
                n_problems += 1
                print(f"{descriptions} of steps {sorted(corrupted)}: {problem}")
            shutil.rmtree(folder)
    for description, count in sorted(counts.items()):
        print(f"{count:5}  {description}")
    print(
        f"{counts.total()} corruptions, {n_without_intact} cases without an intact checkpoint; "
        f"{n_problems} not detected or not handled"
    )
    return int(n_problems > 0)


if __name__ == "__main__":
    sys.exit(main())
