"""A config's network with weights from elsewhere, and the checkpoint of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq import session
from open_seq2seq.components import LayerOptions
from open_seq2seq.config import Config
from open_seq2seq.errors import UserError
from open_seq2seq.storage import architecture, checkpoints, variables
from open_seq2seq.storage.checkpoints import Checkpoint


def build_network(config: Config, n_labels: int) -> Any:
    """Return the Keras model that a config describes, in float32."""
    shape = config.data_layers["infer"].image_shape
    return config.model.build(config.encoder, config.decoder, shape, n_labels, LayerOptions())


def find_misfits(network: Any, arrays: dict[str, np.ndarray]) -> list[str]:
    """Return a line for each weight of the network that ``arrays`` does not have, or has in another
    shape.
    """
    problems = []
    for weight in network.weights:
        if weight.path not in arrays:
            problems.append(f"{weight.path}: not in it")
        elif tuple(weight.shape) != arrays[weight.path].shape:
            problems.append(
                f"{weight.path}: {arrays[weight.path].shape} in it, {tuple(weight.shape)} in the network"
            )
    return problems


def assign(network: Any, arrays: dict[str, np.ndarray]) -> None:
    """Set the network's weights; `find_misfits` must have found none."""
    for weight in network.weights:
        weight.assign(np.asarray(arrays[weight.path], np.float32))


def check_output(logdir: Path) -> None:
    """Refuse a folder whose checkpoints an imported one would come among: saving deletes the later
    ones.
    """
    for name in (session.LAST, session.BEST):
        if checkpoints.list_checkpoints(logdir / name):
            raise UserError(
                f"{logdir / name} has checkpoints already; name another folder with --output_dir=DIR"
            )


def save(
    logdir: Path,
    network: Any,
    labels: tuple[str, ...],
    config: Config,
    *,
    step: int,
    imported_from: str,
) -> Path:
    """Write the network as a checkpoint of ``logdir`` for eval, infer and load_model: it has no
    optimizer's state.

    Raises:
        UserError: the folder cannot be written.
    """
    checkpoint = Checkpoint(
        model=variables.values_of(network.variables),
        training={},
        state={
            "step": step,
            "epoch": 0.0,  # as nothing says how many steps an epoch had
            "best_top1": -1.0,
            "labels": list(labels),
            "dataset_version": config.params.dataset_version,
            "blueprint": architecture.draw_up(
                config.encoder, config.decoder, config.data_layers["infer"]
            ),
            "imported_from": imported_from,
        },
    )
    try:
        return checkpoints.save(logdir / session.LAST, checkpoint, keep=1)
    except OSError as error:
        raise UserError(f"{logdir}: cannot save a checkpoint there ({error.strerror})") from None
