"""OpenSeq2Seq's ResNet and Jasper checkpoints of TensorFlow 1 as checkpoints of this toolkit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq import session
from open_seq2seq.config import Config
from open_seq2seq.errors import UserError
from open_seq2seq.importing import checkpoint, names
from open_seq2seq.lazy import tf

_PART = re.compile(
    r"\.(index|meta|data-\d{5}-of-\d{5})$"
)  # what TensorFlow adds to a checkpoint's name


def import_checkpoint(
    path: Path,
    config: Config,
    labels: tuple[str, ...],
    logdir: Path,
    report: Callable[[str], None] = print,
) -> Path:
    """Write a TensorFlow 1 checkpoint as one of ``config``.

    Args:
        path: the checkpoint, such as ``model.ckpt-1234``, or its folder, where the newest is taken.
        config: describes the network that was trained.
        labels: what its outputs mean, in order.
        logdir: folder for ``checkpoints/``.
        report: takes a line of text.

    Returns:
        the folder of the new checkpoint.

    Raises:
        UserError: there is no checkpoint, the network is of a kind that OpenSeq2Seq did not have,
            it has weights that the checkpoint lacks or has in another shape, or logdir has
            checkpoints; nothing is written.
    """
    prefix = next(
        (
            prefix
            for kind, prefix in names.ENCODER_PREFIXES.items()
            if isinstance(config.encoder, kind)
        ),
        None,
    )
    if prefix is None:
        kinds = " and ".join(kind.__name__ for kind in names.ENCODER_PREFIXES)
        raise UserError(
            f"encoder: {type(config.encoder).__name__}, but only {kinds} can be imported from OpenSeq2Seq"
        )
    session.check_decoder(config, labels)
    checkpoint.check_output(logdir)
    path = find_checkpoint(path)
    reader = _Reader(path)
    sorted_names = names.sort_names(reader.names)
    ours = checkpoint.build_network(config, len(labels))
    shapes = {weight.path: tuple(weight.shape) for weight in ours.weights}
    arrays: dict[str, np.ndarray] = {}
    unknown = list(sorted_names.unknown)
    for graph_name, checkpoint_name in sorted_names.model.items():
        name = names.translate(graph_name, prefix)
        if name is None or name not in shapes:
            unknown.append(checkpoint_name)
        elif name in arrays:
            raise UserError(
                f"{path}: {checkpoint_name} is the second variable of it that is {name} here"
            )
        else:
            arrays[name] = _fit(reader.read(checkpoint_name), shapes[name])
    problems = checkpoint.find_misfits(ours, arrays)
    if problems:
        raise UserError(
            f"{path}: it does not fit the network of this config ({len(problems)} differences):{_list(problems)}"
            + (
                f"\nVariables of it that have no place in the network ({len(unknown)}):{_list(unknown)}"
                * bool(unknown)
            )
            + "\nGive the config that describes the network as it was trained, and its labels file"
        )
    checkpoint.assign(ours, arrays)
    target = checkpoint.save(
        logdir,
        ours,
        labels,
        config,
        step=int(reader.read("global_step"))
        if "global_step" in reader.names
        else max(0, _step_in(path.name)),
        imported_from=f"OpenSeq2Seq, {path.name}",
    )
    report(f"{path}: {len(arrays)} variables imported into {target}")
    if unknown:
        report(
            f"warning: {len(unknown)} variables have no place in the network of this config; if they are its layers, "
            f"its outputs will be wrong:{_list(unknown)}"
        )
    return target


def find_checkpoint(path: Path) -> Path:
    """Return a checkpoint's name without the endings of its files; in a folder, of the newest one.

    Raises:
        UserError: there is none.
    """
    if not path.is_dir():
        path = path.with_name(_PART.sub("", path.name))
        if path.is_file() or path.with_name(f"{path.name}.index").is_file():
            return path
        raise UserError(
            f"{path}: no such checkpoint; expected a folder, or a name such as model.ckpt-1234"
        )
    found = {_PART.sub("", file.name) for file in path.glob("*.index")}
    named = _named_as_newest(path / "checkpoint")
    if named not in found:
        named = max(found, key=lambda name: (_step_in(name), name), default=None)
    if named is None:
        raise UserError(
            f"{path}: no checkpoint in this folder; expected files such as model.ckpt-1234.index"
        )
    return path / named


def _named_as_newest(file: Path) -> str | None:
    """Return the name in TensorFlow's list of checkpoints; the folder in it may be that of another
    machine.
    """
    try:
        found = re.search(
            r'^model_checkpoint_path: "(?:.*/)?([^"/]+)"',
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    except (OSError, UnicodeDecodeError):
        return None
    return found[1] if found else None


class _Reader:
    """TensorFlow's reader of checkpoints; what it raises becomes a `UserError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = self._call(tf.train.load_checkpoint, str(path))
        self.names = set(self._reader.get_variable_to_shape_map())

    def read(self, name: str) -> np.ndarray:
        return self._call(self._reader.get_tensor, name)

    def _call(self, function: Callable[[str], Any], argument: str) -> Any:
        try:
            return function(argument)
        # IndexError is what it makes of a file that is too short
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{self._path}: cannot be read as a TensorFlow checkpoint ({reason})"
            ) from None


def _fit(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give a one-dimensional convolution's kernel [k, in, out] the width that kernels have here:
    [k, 1, in, out].
    """
    return array[:, None] if (array.ndim, len(shape)) == (3, 4) else array


def _step_in(name: str) -> int:
    found = re.search(r"-(\d+)$", name)
    return int(found[1]) if found else -1


def _list(lines: list[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)
