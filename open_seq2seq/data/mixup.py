"""Mixup: training on weighted means of two clips and their labels.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from open_seq2seq.components import Group
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Tensor

_STREAM = 0x6D69787570  # sets these draws apart from the others


class Mixup(Group):
    """Training images and labels that are mixed in pairs."""

    mixup_alpha: float = Field(
        default=0.0,
        ge=0,
        description="Mixup's alpha: the fractions of a pair are from Beta(alpha, alpha); "
        "0: nothing is mixed.",
    )


def draw_fractions(alpha: float, n_rows: int, *, seed: int, epoch: int) -> np.ndarray:
    """Draw the fraction of itself that each row of an epoch keeps: float32 [n_rows]."""
    rng = np.random.default_rng([seed, epoch, _STREAM])
    return rng.beta(alpha, alpha, n_rows).astype(np.float32)


def mix(batch: Batch, fractions: Tensor) -> Batch:
    """Mix every clip with the one before it in the batch, the first with the last.

    Args:
        batch: features and targets are mixed, labels and weights stay.
        fractions: float32 [batch], what each clip keeps of itself.
    """

    def mixed(values: Tensor) -> Tensor:
        kept = tf.reshape(fractions, [-1] + [1] * (len(values.shape) - 1))
        return kept * values + (1.0 - kept) * tf.roll(values, 1, axis=0)

    return batch._replace(
        features=mixed(batch.features),
        lengths=tf.maximum(batch.lengths, tf.roll(batch.lengths, 1, axis=0)),
        targets=mixed(batch.targets),
    )
