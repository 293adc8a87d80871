"""Starting from another run's weights: `load_model`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints

_DECODER = "fully_connected_decoder."


class Match(NamedTuple):
    """A variable of the model, and why it does not get the other run's value; empty if it does."""

    name: str
    reason: str


def load_weights(
    source: str, variables: list[Any], labels: tuple[str, ...], report: Callable[[str], None]
) -> list[Match]:
    """Give variables the values that a checkpoint has under the same name and in the same shape.

    The last layer is left as it is unless the checkpoint's labels are these: its outputs would mean
    something else.

    Args:
        source: a logdir, a folder of checkpoints, or one checkpoint.
        variables: of the model, Keras's.
        labels: of the data.
        report: is told of damaged checkpoints.

    Returns:
        a line for every variable.

    Raises:
        UserError: there is no checkpoint, or nothing in it fits.
    """
    checkpoint = checkpoints.load_run(Path(source), report)
    if checkpoint is None:
        raise UserError(
            f"load_model: no checkpoint in {source}; name the logdir of a run, or one of its checkpoints"
        )
    same_labels = tuple(checkpoint.state["labels"]) == labels
    matches = []
    for variable in variables:
        name, values = variable.path, checkpoint.model
        if name not in values:
            reason = "not in the checkpoint"
        elif values[name].shape != tuple(variable.shape):
            reason = f"{list(values[name].shape)} in the checkpoint, {list(variable.shape)} here"
        elif name.startswith(_DECODER) and not same_labels:
            reason = "the checkpoint has other labels"
        else:
            reason = ""
            variable.assign(np.asarray(values[name]))
        matches.append(Match(name, reason))
    if all(match.reason for match in matches):
        raise UserError(
            f"load_model: no variable of this model is in {source}; is it a run of another encoder?"
        )
    return matches


def describe(matches: list[Match], source: str) -> list[str]:
    """Return what to tell the user: a count, and a table of what was not loaded."""
    left = [match for match in matches if match.reason]
    lines = [
        f"load_model: {len(matches) - len(left)} of {len(matches)} variables come from {source}"
    ]
    if left:
        width = max(len(match.name) for match in left)
        lines += [f"  new: {match.name:{width}}  {match.reason}" for match in left]
    return lines
