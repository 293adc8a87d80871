"""Import of OpenSeq2Seq's ResNet and Jasper checkpoints, which are TensorFlow 1's."""

from __future__ import annotations

import logging
import os
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

_FILE_ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")  # of the files of a checkpoint


def import_checkpoint(path: Path, config: Config, labels: tuple[str, ...], logdir: Path) -> Path:
    """Write a TensorFlow 1 checkpoint as a checkpoint of this toolkit.

    Args:
        path: the checkpoint, such as ``model.ckpt-1234``, or a folder, of which the newest is
            imported.
        config: describes the network as it was trained.
        labels: the labels in the order of the network's outputs.
        logdir: folder for ``checkpoints/``.

    Returns:
        the folder of the new checkpoint.

    Raises:
        UserError: there is no checkpoint, OpenSeq2Seq has no such encoder, the checkpoint lacks
            weights of the network or has them with other shapes, or logdir has checkpoints.
            Nothing is written then.
    """
    prefix = _encoder_prefix(config)
    check_decoder(config.decoder, len(labels))
    check_output(logdir)
    path = find_checkpoint(path)
    reader = _Reader(path)
    network = network_of(config, len(labels))
    arrays, unused = _read_weights(reader, network, prefix)
    hint = "\nUse the config and the labels file that the network was trained with"
    if unused:
        hint = f"\nVariables that the network lacks ({len(unused)}):{listed(unused)}{hint}"
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
    if unused:
        logger.warning(
            f"warning: the network of this config lacks {len(unused)} variables; if they are its "
            f"layers, its outputs will be wrong:{listed(unused)}"
        )
    return target


def _read_weights(
    reader: _Reader, network: KerasModel, prefix: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return arrays by the names of the network's weights, and the names of unused variables."""
    shapes = {weight.path: tuple(weight.shape) for weight in network.weights}
    arrays: dict[str, np.ndarray] = {}
    sorted_names = names.sort_names(reader.names)
    unused = list(sorted_names.unknown)
    for graph_name, checkpoint_name in sorted_names.model.items():
        name = names.translate(graph_name, prefix)
        if name is None or name not in shapes:
            unused.append(checkpoint_name)
        elif name in arrays:
            raise UserError(f"{reader.path}: {checkpoint_name} is a second variable for {name}")
        else:
            arrays[name] = _as_2d(reader.read(checkpoint_name), shapes[name])
    return arrays, unused


def _encoder_prefix(config: Config) -> str:
    """Return the prefix of the encoder's variables, or raise a `UserError` for other encoders."""
    for kind, prefix in names.ENCODER_PREFIXES.items():
        if isinstance(config.encoder, kind):
            return prefix
    kinds = " and ".join(kind.__name__ for kind in names.ENCODER_PREFIXES)
    raise UserError(
        f"encoder: {type(config.encoder).__name__}, but only {kinds} can be imported from "
        "OpenSeq2Seq"
    )


def find_checkpoint(path: Path) -> Path:
    """Return a checkpoint's path without file endings; in a folder, that of the newest checkpoint.

    Raises:
        UserError: there is no checkpoint.
    """
    if not path.is_dir():
        path = path.with_name(_FILE_ENDING.sub("", path.name))
        if path.is_file() or path.with_name(f"{path.name}.index").is_file():
            return path
        raise UserError(
            f"{path}: no such checkpoint; expected a folder, or a name such as model.ckpt-1234"
        )
    present = {_FILE_ENDING.sub("", file.name) for file in path.glob("*.index")}
    newest = _named_as_newest(path / "checkpoint")
    if newest not in present:
        newest = max(present, key=lambda name: (_step_in(name), name), default=None)
    if newest is None:
        raise UserError(
            f"{path}: no checkpoint in this folder; expected files such as model.ckpt-1234.index"
        )
    return path / newest


def _named_as_newest(file: Path) -> str | None:
    """Return the newest checkpoint's name in TensorFlow's list, without its folder.

    The folder can be that of another machine.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = re.search(r'^model_checkpoint_path: "(?:.*/)?([^"/]+)"', text, re.MULTILINE)
    if match is None:
        return None
    return match[1]


class _Reader:
    """TensorFlow's reader of checkpoints, whose errors become a `UserError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = self._call(tf.train.load_checkpoint, os.fsencode(path))
        self.names = set(self._reader.get_variable_to_shape_map())

    @property
    def step(self) -> int:
        """Step of the checkpoint, from its variables or its name; 0 if unknown."""
        if "global_step" in self.names:
            return int(self.read("global_step"))
        return max(0, _step_in(self.path.name))

    def read(self, name: str) -> np.ndarray:
        return self._call(self._reader.get_tensor, name)

    def _call(self, function: Callable[[Any], Any], argument: str | bytes) -> Any:
        try:
            return function(argument)
        # TensorFlow raises an IndexError for a file that is too short
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{self.path}: cannot be read as a TensorFlow checkpoint ({reason})"
            ) from None


def _as_2d(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a kernel [k, in, out] as [k, 1, in, out] if ``shape`` has four axes."""
    if array.ndim == 3 and len(shape) == 4:
        return array[:, None]
    return array


def _step_in(name: str) -> int:
    """Return the step at the end of a checkpoint's name, -1 if there is none."""
    match = re.search(r"-(\d+)$", name)
    return int(match[1]) if match else -1
