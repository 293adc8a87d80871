"""Checkpoints: folders that are there whole or not at all.

    <logdir>/checkpoints/step-00001200/     the last `num_checkpoints`
    <logdir>/best_models/step-00001000/     the best by validation accuracy

Each holds ``model.npz`` and ``training.npz`` (optimizer, loss scale), NumPy arrays by variable
name, and
``state.json``: step, labels, best accuracy, and the SHA-256 of the two and of itself. Loading one
never runs code from it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.errors import UserError, cut
from open_seq2seq.system.files import check_plain

_FORMAT = 2  # 1 had no digest of the state
_KINDS = "biufcV"  # NumPy's kinds of number; V is what it calls bfloat16
_NAME = re.compile(r"step-\d{8,}(\.\d+)?")
_FILES = ("model.npz", "training.npz")
# what every mode needs of the state
_STATE_TYPES: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "epoch": (int, float),
    "best_top1": (int, float),
    "labels": list,
}


class Checkpoint(NamedTuple):
    """What a run needs to go on, or to be used."""

    model: dict[str, np.ndarray]
    training: dict[str, np.ndarray]
    state: dict[str, Any]  # step, epoch, labels, dataset_version, best_top1

    @property
    def step(self) -> int:
        return self.state["step"]


class DamagedCheckpointError(Exception):
    """A checkpoint that is incomplete or altered; the message says how."""


def save(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint into ``folder``, then delete all but it and the ``keep - 1`` before it.

    It is written aside, flushed to the disk, read back, and made visible by one rename, so that a
    crash at any moment leaves the earlier ones; only then are those deleted. One of the same step,
    which a run that was taken up again before it makes, stands beside the first until then.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True)
        _flush_folder(folder.parent)
    _sweep(folder)
    target = _free_name(folder, checkpoint.step)
    partial = folder / f".{target.name}.partial"
    try:
        _write(partial, checkpoint)
        _verify(partial, checkpoint)
    except OSError:  # a full disk, most of the time: the room is given back
        shutil.rmtree(partial, ignore_errors=True)
        raise
    os.rename(partial, target)
    _flush_folder(folder)
    steps = list_checkpoints(folder)
    newest = steps.index(target)
    # what claims to be later is the damaged or abandoned end of a run that was taken up again
    # before it
    for path in (*steps[: max(0, newest + 1 - keep)], *steps[newest + 1 :]):
        _delete(path)
    return target


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in ``folder``, oldest first.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be read ({error.strerror}); give yourself the right to"
        ) from None
    return sorted((folder / name for name in names), key=_step_and_number)


def _step_and_number(path: Path) -> tuple[int, int]:
    """Return the step of a checkpoint by its name, and which one of that step it is."""
    step, _, number = path.name.removeprefix("step-").partition(".")
    return int(step), int(number or 0)


def load(path: Path) -> Checkpoint:
    """Read and verify one checkpoint.

    Raises:
        DamagedCheckpointError: a file is missing or is not what was written.
    """
    try:
        for name in ("state.json", *_FILES):
            check_plain(path / name)
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        digests = state.pop("sha256")
        if state["format"] not in (1, _FORMAT):
            raise DamagedCheckpointError("it has an unknown format")
        if state["format"] > 1 and digests.pop("state") != _sha256_of(state):
            raise DamagedCheckpointError("state.json is not what was written")
        for name in _FILES:
            if _sha256(path / name) != digests[name]:
                raise DamagedCheckpointError(f"{name} is not what was written")
        del state["format"]
        _check_state(state)
        arrays = [_read_arrays(path / name) for name in _FILES]
    except DamagedCheckpointError:
        raise
    except Exception as error:  # digests can be made to fit, and what a zip or JSON made by hand can raise has no end
        raise DamagedCheckpointError(
            f"it cannot be read ({cut(str(error)) or type(error).__name__})"
        ) from None
    return Checkpoint(arrays[0], arrays[1], state)


def _write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a new folder and see it through to the disk."""
    path.mkdir()
    digests = {}
    for name, arrays in zip(_FILES, (checkpoint.model, checkpoint.training), strict=True):
        with open(path / name, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            _flush(file)
        digests[name] = _sha256(path / name)
    state = {"format": _FORMAT, **checkpoint.state}
    with open(path / "state.json", "w", encoding="utf-8") as file:
        json.dump({**state, "sha256": {**digests, "state": _sha256_of(state)}}, file, indent=1)
        _flush(file)
    _flush_folder(path)


def _check_state(state: dict[str, Any]) -> None:
    for name, kind in _STATE_TYPES.items():
        if not isinstance(state.get(name), kind):
            raise DamagedCheckpointError(f"its state.json does not say its {name}")
    if state["step"] < 0 or not all(isinstance(label, str) for label in state["labels"]):
        raise DamagedCheckpointError("its state.json has a step below 0 or a label that is no word")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read numbers by name: no objects, which would be code, and nothing compressed, which could be
    of any size.
    """
    with np.load(path, allow_pickle=False) as file:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.zip.infolist()):
            raise DamagedCheckpointError(
                f"{path.name} has compressed parts, which are never written"
            )
        arrays = dict(file)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _KINDS:
            raise DamagedCheckpointError(f"{path.name}: {cut(name)} is no array of numbers")
    return arrays


def _verify(path: Path, checkpoint: Checkpoint) -> None:
    """Read back what was written.

    Raises:
        OSError: it is not what should have been.
    """
    try:
        found = load(path)
    except DamagedCheckpointError as error:
        raise OSError(
            errno.EIO, f"what was written cannot be read back: {error}", str(path)
        ) from None
    for written, wanted in ((found.model, checkpoint.model), (found.training, checkpoint.training)):
        for name in written.keys() | wanted.keys():
            if name not in written or written[name].tobytes() != np.asarray(wanted[name]).tobytes():
                raise OSError(errno.EIO, f"{name} was not written as it is", str(path))


def _free_name(folder: Path, step: int) -> Path:
    """Return a name that sorts after all checkpoints of the same step."""
    name = f"step-{step:08d}"
    taken = [
        number for other, number in map(_step_and_number, list_checkpoints(folder)) if other == step
    ]
    return folder / (f"{name}.{taken[-1] + 1}" if taken else name)


def _delete(path: Path) -> None:
    """Delete a checkpoint: at once out of sight, so that a crash leaves no half of it that looks
    like one.
    """
    hidden = path.with_name(f".{path.name}.deleted")
    os.rename(path, hidden)
    _remove(hidden)


def _sweep(folder: Path) -> None:
    """Delete what crashes left half written or half deleted."""
    for path in folder.glob(".step-*"):
        _remove(path)


def _remove(path: Path) -> None:
    """Delete what bears a checkpoint's name; of damaged ones, not all are folders."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def load_newest(folder: Path, warn: Any = print) -> Checkpoint | None:
    """Return the newest intact checkpoint, naming the damaged ones, or None where there are none at
    all.

    Raises:
        UserError: there are checkpoints, and all of them are damaged.
    """
    paths = list_checkpoints(folder)
    for path in reversed(paths):
        try:
            checkpoint = load(path)
            if checkpoint.step != _step_and_number(path)[0]:  # by its name it was chosen
                raise DamagedCheckpointError(
                    f"it holds step {checkpoint.step}, its name says another"
                )
            return checkpoint
        except DamagedCheckpointError as error:
            warn(f"{path}: damaged, {error}; trying the one before it")
    if paths:
        raise UserError(
            f"{folder}: all {len(paths)} checkpoints are damaged; remove the folder to start again"
        )
    return None


def load_run(source: Path, warn: Any = print) -> Checkpoint | None:
    """Return the best weights of a run: of a logdir the best checkpoint or else the last, of a
    folder the newest.

    Args:
        source: a logdir, a folder of checkpoints, or one checkpoint.
        warn: is told of damaged checkpoints that are passed over.

    Returns:
        None where there is no checkpoint.

    Raises:
        UserError: what there is, is damaged.
    """
    if (source / "state.json").is_file():
        try:
            return load(source)
        except DamagedCheckpointError as error:
            raise UserError(f"{source}: damaged, {error}") from None
    found = (load_newest(folder, warn) for folder in _folders(source))
    return next((checkpoint for checkpoint in found if checkpoint is not None), None)


def has_checkpoint(source: Path) -> bool:
    """Tell whether `load_run` finds something in ``source``; whether that is intact, it tells only
    then.
    """
    return (source / "state.json").is_file() or any(
        list_checkpoints(folder) for folder in _folders(source)
    )


def _folders(source: Path) -> tuple[Path, ...]:
    return source / "best_models", source / "checkpoints", source


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sha256_of(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
