"""Checkpoints: folders that exist whole or not at all.

    <logdir>/checkpoints/step-00001200/     the last `num_checkpoints`
    <logdir>/best_models/step-00001000/     the best by the validation metric

Each holds ``model.npz`` and ``training.npz`` (optimizer, loss scale), NumPy arrays by variable
name, and ``state.json``: `Progress`, `RunInfo`, and the SHA-256 of the two files and of itself.
Loading a checkpoint never runs code from it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydantic

from open_seq2seq.errors import UserError, cut
from open_seq2seq.storage.progress import Progress, RunInfo, upgrade
from open_seq2seq.storage.variables import differing
from open_seq2seq.system.files import (
    check_plain,
    flush_file,
    flush_folder,
    identity,
    remove,
    sha256_of,
    written_aside,
)

_FORMAT = 3  # 1 had no digest of the state, 2 no records in it: see `progress.upgrade`
_MOST_LISTINGS = 1000  # of a folder whose checkpoints vanish one after the other
_KINDS = "biufcV"  # NumPy's kinds of number; V is what it calls bfloat16
_NAME = re.compile(r"step-\d{8,}(\.\d+)?")
_MODEL, _TRAINING = _FILES = ("model.npz", "training.npz")

logger = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """What a run needs to continue, or to be used."""

    model: dict[str, np.ndarray]
    training: dict[str, np.ndarray]
    progress: Progress
    info: RunInfo

    @property
    def step(self) -> int:
        return self.progress.step

    @property
    def labels(self) -> tuple[str, ...]:
        return self.info.labels


class CorruptCheckpointError(Exception):
    """A checkpoint that is incomplete or altered; the message says how."""


def save(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint into ``folder``, then delete all but it and the ``keep - 1`` before it.

    It is written aside, flushed to the disk, read back, and made visible by one rename, so that a
    crash at any moment leaves the earlier ones; only then are those deleted. A checkpoint of the
    same step, written before the run was resumed, stays beside the new one until then.

    Raises:
        OSError: it cannot be written; the earlier ones are as they were.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True)
        flush_folder(folder.parent)
    _sweep(folder)
    target = _free_name(folder, checkpoint.step)
    with written_aside(target) as partial:
        _write(partial, checkpoint)
        _verify(partial, checkpoint)
    flush_folder(folder)
    steps = list_checkpoints(folder)
    newest = steps.index(target)
    # later ones are the corrupt or abandoned end of a run that was resumed before it
    for path in (*steps[: max(0, newest + 1 - keep)], *steps[newest + 1 :]):
        delete(path)
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


def step_of(path: Path) -> int:
    """Return the step of a checkpoint, which its name says."""
    return _step_and_number(path)[0]


def _step_and_number(path: Path) -> tuple[int, int]:
    """Return the step of a checkpoint by its name, and which one of that step it is."""
    step, _, number = path.name.removeprefix("step-").partition(".")
    return int(step), int(number or 0)


def load(path: Path, *, to_resume: bool = True) -> Checkpoint:
    """Read and verify one checkpoint of any format.

    Args:
        path: folder of the checkpoint.
        to_resume: whether what only training needs is read; without it, ``training`` is empty, and
            its file may be missing.

    Raises:
        CorruptCheckpointError: a file is missing or is not what was written.
    """
    files = _FILES if to_resume else (_MODEL,)
    try:
        for name in ("state.json", *files):
            check_plain(path / name)
        text = (path / "state.json").read_text(encoding="utf-8")
        state = json.loads(text)
        if text != _as_text(state):  # a byte between the values, of which no digest knows
            raise CorruptCheckpointError("state.json is not what was written")
        digests = state.pop("sha256")
        version = state["format"]
        if version not in range(1, _FORMAT + 1):
            raise CorruptCheckpointError("it has an unknown format")
        if version > 1 and digests.pop("state") != _sha256_of_state(state):
            raise CorruptCheckpointError("state.json is not what was written")
        for name in files:
            if sha256_of(path / name) != digests[name]:
                raise CorruptCheckpointError(f"{name} is not what was written")
        progress, info = upgrade(state, version)
        return Checkpoint(
            _read_arrays(path / _MODEL),
            _read_arrays(path / _TRAINING) if to_resume else {},
            Progress.model_validate_json(json.dumps(progress)),
            RunInfo.model_validate(info),
        )
    except CorruptCheckpointError:
        raise
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        where = "/".join(map(str, problem["loc"]))
        raise CorruptCheckpointError(f"its state.json: {where}: {problem['msg']}") from None
    except Exception as error:  # a zip or JSON made by hand can raise anything, digests or not
        reason = cut(str(error)) or type(error).__name__
        raise CorruptCheckpointError(f"it cannot be read ({reason})") from None


def _write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a new folder and flush it to the disk."""
    path.mkdir()
    digests = {}
    for name, arrays in zip(_FILES, (checkpoint.model, checkpoint.training), strict=True):
        with open(path / name, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            flush_file(file)
        digests[name] = sha256_of(path / name)
    state = {
        "format": _FORMAT,
        "progress": checkpoint.progress.model_dump(mode="json"),
        "info": checkpoint.info.model_dump(),  # JSON's types already; mode="json" refuses names
    }
    with open(path / "state.json", "w", encoding="utf-8") as file:
        digests["state"] = _sha256_of_state(state)
        file.write(_as_text({**state, "sha256": digests}))
        flush_file(file)
    flush_folder(path)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read numbers by name.

    No objects, which would be code, and nothing compressed, which could be of any size.
    """
    with np.load(path, allow_pickle=False) as file:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.zip.infolist()):
            raise CorruptCheckpointError(
                f"{path.name} has compressed parts, which are never written"
            )
        arrays = dict(file)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _KINDS:
            raise CorruptCheckpointError(f"{path.name}: {cut(name)} is no array of numbers")
    return arrays


def _verify(path: Path, checkpoint: Checkpoint) -> None:
    """Read back what was written.

    Raises:
        OSError: it is not what should have been.
    """
    try:
        written = load(path)
    except CorruptCheckpointError as error:
        reason = f"what was written cannot be read back: {error}"
        raise OSError(errno.EIO, reason, str(path)) from None
    for ours, wanted in zip(written[:2], checkpoint[:2], strict=True):
        for name in differing(ours, wanted):
            raise OSError(errno.EIO, f"{name} was not written as it is", str(path))


def _free_name(folder: Path, step: int) -> Path:
    """Return a name that sorts after all checkpoints of the same step."""
    name = f"step-{step:08d}"
    taken = [
        number for other, number in map(_step_and_number, list_checkpoints(folder)) if other == step
    ]
    return folder / (f"{name}.{taken[-1] + 1}" if taken else name)


def delete(path: Path) -> None:
    """Rename a checkpoint, then delete it: a crash leaves no half of it that looks like one."""
    hidden = path.with_name(f".{path.name}.deleted")
    os.rename(path, hidden)
    remove(hidden)


def _sweep(folder: Path) -> None:
    """Delete what crashes left half written or half deleted."""
    for path in folder.glob(".step-*"):
        remove(path)


def load_newest(folder: Path, *, to_resume: bool = True) -> Checkpoint | None:
    """Return the newest intact checkpoint, or None where there are none at all.

    A run that is going on may delete what is being read; then there is a newer one.

    Args:
        folder: of checkpoints.
        to_resume: as for `load`.

    Raises:
        UserError: there are checkpoints, and all of them are corrupt.
    """
    corrupt: list[Path] = []
    for _ in range(_MOST_LISTINGS):
        untried = [path for path in list_checkpoints(folder) if path not in corrupt]
        if not untried:
            break
        path, before = untried[-1], identity(untried[-1])
        try:
            checkpoint = load(path, to_resume=to_resume)
            if checkpoint.step != _step_and_number(path)[0]:  # it was chosen by its name
                raise CorruptCheckpointError(
                    f"it holds step {checkpoint.step}, its name says another"
                )
            return checkpoint
        except CorruptCheckpointError as error:
            if before is None or identity(path) != before:
                continue  # deleted while it was read
            corrupt.append(path)
            logger.warning("%s: corrupt, %s; trying the one before it", path, error)
    else:
        raise UserError(f"{folder}: its checkpoints vanish while they are read; try again later")
    if corrupt:
        raise UserError(
            f"{folder}: all {len(corrupt)} checkpoints are corrupt; "
            "remove the folder to start again"
        )
    return None


def _as_text(state: dict[str, Any]) -> str:
    return json.dumps(state, indent=1)


def _sha256_of_state(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
