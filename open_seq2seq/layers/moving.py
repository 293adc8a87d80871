"""The momentum of a moving average in its first steps."""

from __future__ import annotations

from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor


def most_kept(number: Tensor) -> Tensor:
    """Return which fraction of a moving average step n keeps at most, float32.

    It is (1 + n) / (10 + n), so that the average soon forgets its first value.
    """
    n = tf.cast(number, tf.float32)
    return (1.0 + n) / (10.0 + n)
