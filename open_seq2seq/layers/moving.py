"""The momentum of a moving average in its first steps."""

from __future__ import annotations

from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor


def momentum_of_step(number: Tensor, momentum: float) -> Tensor:
    """Return which fraction of a moving average a step keeps, float32.

    It is at most (1 + n) / (10 + n), so that the average soon forgets its first value.

    Args:
        number: n, how many steps came before.
        momentum: the fraction that late steps keep.
    """
    n = tf.cast(number, tf.float32)
    return tf.minimum(momentum, (1.0 + n) / (10.0 + n))
