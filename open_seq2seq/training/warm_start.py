"""Warm start: a new run begins with the weights of another one (`load_model`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.storage.compatibility import check_front_end
from open_seq2seq.storage.logdir import load_run
from open_seq2seq.storage.variables import by_name, mismatches
from open_seq2seq.structs import Variable

Reasons = dict[str, str]


def load_weights(
    source: str,
    variables: list[Variable],
    labels: tuple[str, ...],
    output_layer: str,
    front_end: FrontEnd,
    changed: Sequence[str],
) -> Reasons:
    """Set variables to what a checkpoint has under the same name and in the same shape.

    The output layer stays as it is unless the checkpoint has the same labels: its outputs would
    mean something else.

    Args:
        source: a logdir, a folder of checkpoints, or one checkpoint.
        variables: of the model, Keras's.
        labels: of the data.
        output_layer: name of the layer whose outputs are the labels.
        front_end: of the data.
        changed: keys of the front end whose values may differ from the checkpoint's.

    Returns:
        for each variable, why it stays as it is; empty where it does not.

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
    check_front_end(checkpoint.info, front_end, f"load_model: {source}", changed)
    named = by_name(variables)
    reasons = dict.fromkeys(named, "")
    if checkpoint.labels != labels:
        for name in named:
            if name.startswith(f"{output_layer}/"):
                reasons[name] = "the checkpoint has other labels"
    reasons |= mismatches(named, checkpoint.model)
    loaded = [name for name, reason in reasons.items() if not reason]
    if not loaded:
        raise UserError(
            f"load_model: no variable of this model is in {source}; is it a run of another encoder?"
        )
    for name in loaded:
        named[name].assign(checkpoint.model[name])
    return reasons


def describe(reasons: Reasons, source: str) -> list[str]:
    """Return what to tell the user: a count, and a table of what was not loaded."""
    left = {name: reason for name, reason in reasons.items() if reason}
    n_loaded = len(reasons) - len(left)
    lines = [f"load_model: {n_loaded} of {len(reasons)} variables come from {source}"]
    width = max(map(len, left), default=0)
    lines += [f"  new: {name:{width}}  {reason}" for name, reason in left.items()]
    return lines
