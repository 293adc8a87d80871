"""Checkpoints of imported models: a config's network with weights from another toolkit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from open_seq2seq.config import Config
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError, counted, listed
from open_seq2seq.network import build_network
from open_seq2seq.storage import architecture, checkpoints, variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.logdir import BEST, LAST
from open_seq2seq.storage.progress import Progress
from open_seq2seq.structs import KerasModel


def network_of(config: Config, n_labels: int) -> KerasModel:
    """Return the network that a config describes, in float32."""
    return build_network(config.encoder, config.decoder, config.data_layers["infer"], n_labels)


def assign(network: KerasModel, arrays: dict[str, np.ndarray], source: str, hint: str = "") -> None:
    """Set the network's weights.

    Args:
        network: the network.
        arrays: values by the names of the network's weights.
        source: file of the arrays, for messages.
        hint: remedy, for messages.

    Raises:
        UserError: a weight is missing, has another shape, or is not finite.
    """
    weights = variables.by_name(network.weights)
    problems = [
        f"{name}: {reason}" for name, reason in variables.mismatches(weights, arrays).items()
    ]
    if problems:
        raise UserError(
            f"{source}: does not match the network of this config "
            f"({counted(len(problems), 'difference')}):{listed(problems)}{hint}"
        )
    lost = variables.non_finite({name: np.asarray(arrays[name]) for name in weights})
    if lost:
        raise UserError(
            f"{source}: NaN or infinity in {len(lost)} of {counted(len(weights), 'variable')}:"
            f"{listed(lost, 5)}\n{NON_FINITE_ADVICE}"
        )
    for name, weight in weights.items():
        weight.assign(np.asarray(arrays[name], np.float32))


def check_output(logdir: Path) -> None:
    """Refuse a folder with checkpoints: saving the imported one would delete later ones."""
    for name in (LAST, BEST):
        if checkpoints.list_checkpoints(logdir / name):
            raise UserError(
                f"{logdir / name} has checkpoints already; "
                "name another folder with --output_dir=DIR"
            )


def save(
    logdir: Path,
    network: KerasModel,
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
    info = architecture.run_info(config, "infer", labels, imported_from)
    # the epoch stays 0, as the number of steps per epoch is unknown
    checkpoint = Checkpoint(variables.values_of(network.variables), {}, Progress(step=step), info)
    try:
        return checkpoints.save(logdir / LAST, checkpoint, keep=1)
    except OSError as error:
        raise UserError(f"{logdir}: cannot save a checkpoint there ({error.strerror})") from None
