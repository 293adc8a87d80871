"""Checkpoints of imported models: a config's network with weights from another toolkit."""

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
    front_end = config.data_layers["infer"].front_end(training=False, seed=0)
    shape = (front_end.audio_length, front_end.n_features)
    return config.model.build(config.encoder, config.decoder, shape, n_labels, LayerOptions())


def find_misfits(network: Any, arrays: dict[str, np.ndarray]) -> list[str]:
    """Return a line for each weight that ``arrays`` lacks or has with another shape."""
    problems = []
    for weight in network.weights:
        shape = tuple(weight.shape)
        array = arrays.get(weight.path)
        if array is None:
            problems.append(f"{weight.path}: missing, expected shape {shape}")
        elif array.shape != shape:
            problems.append(f"{weight.path}: shape {array.shape}, expected {shape}")
    return problems


def assign(network: Any, arrays: dict[str, np.ndarray]) -> None:
    """Set the network's weights; `find_misfits` must have returned no problems."""
    for weight in network.weights:
        weight.assign(np.asarray(arrays[weight.path], np.float32))


def check_output(logdir: Path) -> None:
    """Refuse a folder with checkpoints: saving the imported one would delete later ones."""
    for name in (session.LAST, session.BEST):
        folder = logdir / name
        if checkpoints.list_checkpoints(folder):
            raise UserError(
                f"{folder}: has checkpoints already; name another folder with --output_dir=DIR"
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
    """Write the network as a checkpoint in ``logdir`` and return its folder.

    It has no optimizer state, so it serves eval, infer and load_model, but not continue_learning.

    Raises:
        UserError: the folder cannot be written.
    """
    checkpoint = Checkpoint(
        model=variables.values_of(network.variables),
        training={},
        state={
            "step": step,
            "epoch": 0.0,  # the number of steps per epoch is unknown
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
