"""Warm start: a new run begins with the weights of another one (`load_model`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import UserError
from open_seq2seq.storage.compatibility import check_front_end
from open_seq2seq.storage.logdir import load_run
from open_seq2seq.storage.variables import by_name, mismatches
from open_seq2seq.structs import Variable

logger = logging.getLogger(__name__)


def load_weights(
    source: str,
    variables: list[Variable],
    output_layer: str,
    data: Dataset,
    changed: Sequence[str],
) -> set[str]:
    """Set variables to what a checkpoint has under the same name and in the same shape, and say so.

    The output layer stays as it is unless the checkpoint has the same labels: its outputs would
    mean something else.

    Args:
        source: a logdir, a folder of checkpoints, or one checkpoint.
        variables: of the model, Keras's.
        output_layer: name of the layer whose outputs are the labels.
        data: that the new run is going to train on.
        changed: keys of the front end whose values may differ from the checkpoint's.

    Returns:
        names of the variables that were set.

    Raises:
        UserError: there is no checkpoint, it was trained with another front end, or nothing in it
            fits.
    """
    checkpoint = load_run(Path(source))
    if checkpoint is None:
        raise UserError(
            f"load_model: no checkpoint in {source}; "
            "name the logdir of a run, or one of its checkpoints"
        )
    check_front_end(checkpoint.info, data.params, f"load_model: {source}", changed)
    named = by_name(variables)
    reasons = dict.fromkeys(named, "")
    other = ""
    if checkpoint.info.classes != data.classes:
        other = "the checkpoint has other words of unknown as classes"
    if checkpoint.labels != data.labels:
        other = "the checkpoint has other labels"
    for name in named:
        if name.startswith(f"{output_layer}/"):
            reasons[name] = other
    reasons |= mismatches(named, checkpoint.model)
    loaded = {name for name, reason in reasons.items() if not reason}
    if not loaded:
        raise UserError(
            f"load_model: no variable of this model is in {source}; is it a run of another encoder?"
        )
    for name in loaded:
        named[name].assign(checkpoint.model[name])
    _log(reasons, source)
    return loaded


def _log(reasons: dict[str, str], source: str) -> None:
    """Log how many variables were loaded, and a table of those that were not."""
    left = {name: reason for name, reason in reasons.items() if reason}
    n_loaded = len(reasons) - len(left)
    logger.info(f"load_model: {n_loaded} of {len(reasons)} variables come from {source}")
    width = max(map(len, left), default=0)
    for name, reason in left.items():
        logger.info(f"  new: {name:{width}}  {reason}")
