"""Weights of the labels in the training loss.

They are not normalized: a clip whose label has a weight of 2 counts as two of them in its batch.
"""

from __future__ import annotations

import numpy as np

from open_seq2seq.components import Loss
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, MergedClasses


def class_weights(
    loss: Loss, labels: tuple[str, ...], merged: MergedClasses | None
) -> np.ndarray | None:
    """Return the weight of each class, float32 [classes]; None where the loss has no weights.

    Args:
        loss: names the weights of labels.
        labels: of the data.
        merged: further classes, which have the weight of their label.

    Raises:
        UserError: a weight is of a label that there is not.
    """
    weights = loss.label_weights
    others = sorted(set(weights) - set(labels))
    if others:
        raise UserError(
            f"loss_params/label_weights: no label {others[0]!r}; the labels are {' '.join(labels)}"
        )
    if not weights:
        return None
    names = list(labels)
    if merged is not None:
        names += [labels[merged.label]] * merged.n
    return np.array([weights.get(name, 1.0) for name in names], np.float32)


def weighted(batch: Batch, weights: np.ndarray) -> Batch:
    """Return a batch whose clips count by the weights of their classes.

    A mixed clip counts for each of its classes what that one's weight and its own part say, so that
    the loss of the mixture is the mixture of the losses.

    Args:
        batch: its targets and weights are replaced.
        weights: float32 [classes], as `class_weights` returns them.
    """
    targets = batch.targets * weights
    of_clips = tf.reduce_sum(targets, axis=1)
    return batch._replace(targets=targets / of_clips[:, None], weights=batch.weights * of_clips)
