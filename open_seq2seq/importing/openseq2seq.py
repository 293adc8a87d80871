"""OpenSeq2Seq's ResNet and Jasper checkpoints of TensorFlow 1 as checkpoints of this toolkit."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.config import Config
from open_seq2seq.errors import UserError, listed
from open_seq2seq.importing import names
from open_seq2seq.importing.checkpoint import assign, check_output, network_of, save
from open_seq2seq.lazy import tf
from open_seq2seq.network import check_decoder
from open_seq2seq.structs import KerasModel

logger = logging.getLogger(__name__)

_PART = re.compile(
    r"\.(index|meta|data-\d{5}-of-\d{5})$"
)  # what TensorFlow adds to a checkpoint's name


def import_checkpoint(path: Path, config: Config, labels: tuple[str, ...], logdir: Path) -> Path:
    """Write a TensorFlow 1 checkpoint as one of ``config``.

    Args:
        path: the checkpoint, such as ``model.ckpt-1234``, or its folder, where the newest is taken.
        config: describes the network that was trained.
        labels: what its outputs mean, in order.
        logdir: folder for ``checkpoints/``.

    Returns:
        the folder of the new checkpoint.

    Raises:
        UserError: there is no checkpoint, the network is of a kind that OpenSeq2Seq did not have,
            it has weights that the checkpoint lacks or has in another shape, or logdir has
            checkpoints; nothing is written.
    """
    prefix = _encoder_prefix(config)
    check_decoder(config.decoder, len(labels))
    check_output(logdir)
    path = find_checkpoint(path)
    reader = _Reader(path)
    network = network_of(config, len(labels))
    arrays, unknown = _read_weights(reader, network, prefix)
    hint = "\nGive the config that describes the network as it was trained, and its labels file"
    if unknown:
        hint = f"\nVariables without a counterpart ({len(unknown)}):{listed(unknown)}{hint}"
    assign(network, arrays, str(path), hint)
    target = save(
        logdir,
        network,
        labels,
        config,
        step=reader.step,
        imported_from=f"OpenSeq2Seq, {path.name}",
    )
    logger.info(f"{path}: {len(arrays)} variables imported into {target}")
    if unknown:
        logger.warning(
            f"warning: {len(unknown)} variables have no counterpart in the network of this config; "
            f"if they are its layers, its outputs will be wrong:{listed(unknown)}"
        )
    return target


def _encoder_prefix(config: Config) -> str:
    """Return the first part of the names of the encoder's variables."""
    for kind, prefix in names.ENCODER_PREFIXES.items():
        if isinstance(config.encoder, kind):
            return prefix
    kinds = " and ".join(kind.__name__ for kind in names.ENCODER_PREFIXES)
    raise UserError(
        f"encoder: {type(config.encoder).__name__}, but only {kinds} can be imported from "
        "OpenSeq2Seq"
    )


def _read_weights(
    reader: _Reader, network: KerasModel, prefix: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return arrays by the names of the network's weights, and the variables that are left."""
    shapes = {weight.path: tuple(weight.shape) for weight in network.weights}
    arrays: dict[str, np.ndarray] = {}
    sorted_names = names.sort_names(reader.names)
    unknown = list(sorted_names.unknown)
    for graph_name, checkpoint_name in sorted_names.model.items():
        name = names.translate(graph_name, prefix)
        if name is None or name not in shapes:
            unknown.append(checkpoint_name)
        elif name in arrays:
            raise UserError(
                f"{reader.path}: {checkpoint_name} is the second variable of it that is {name} here"
            )
        else:
            arrays[name] = _fit(reader.read(checkpoint_name), shapes[name])
    return arrays, unknown


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
        self.path = path
        self._reader = self._call(tf.train.load_checkpoint, str(path))
        self.names = set(self._reader.get_variable_to_shape_map())

    @property
    def step(self) -> int:
        """The step that the checkpoint was written at, or 0 where neither it nor its name says."""
        if "global_step" in self.names:
            return int(self.read("global_step"))
        return max(0, _step_in(self.path.name))

    def read(self, name: str) -> np.ndarray:
        return self._call(self._reader.get_tensor, name)

    def _call(self, function: Callable[[str], Any], argument: str) -> Any:
        try:
            return function(argument)
        # IndexError is what it makes of a file that is too short
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{self.path}: cannot be read as a TensorFlow checkpoint ({reason})"
            ) from None


def _fit(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give a one-dimensional convolution's kernel [k, in, out] the width that kernels have here:
    [k, 1, in, out].
    """
    return array[:, None] if (array.ndim, len(shape)) == (3, 4) else array


def _step_in(name: str) -> int:
    found = re.search(r"-(\d+)$", name)
    return int(found[1]) if found else -1
