"""Mixup: training on weighted means of two clips and their labels.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch

_STREAM = 0x6D69787570  # sets these draws apart from the others


def draw_shares(alpha: float, n_rows: int, seed: int, epoch: int) -> np.ndarray:
    """Draw how much of itself each row of an epoch keeps: float32 [n_rows], from Beta(alpha,
    alpha).
    """
    return (
        np.random.default_rng([seed, epoch, _STREAM]).beta(alpha, alpha, n_rows).astype(np.float32)
    )


def mix(batch: Batch, shares: Any) -> Batch:
    """Mix every clip with the one before it in the batch, the first with the last.

    Args:
        batch: features and targets are mixed, labels and weights stay.
        shares: float32 [batch], what each clip keeps of itself.
    """

    def mixed(values: Any) -> Any:
        kept = tf.reshape(shares, [-1, *[1] * (len(values.shape) - 1)])
        return kept * values + (1.0 - kept) * tf.roll(values, 1, axis=0)

    return batch._replace(
        features=mixed(batch.features),
        lengths=tf.maximum(batch.lengths, tf.roll(batch.lengths, 1, axis=0)),
        targets=mixed(batch.targets),
    )
