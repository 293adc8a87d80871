"""What logits are as probabilities."""

from __future__ import annotations

from open_seq2seq.lazy import tf
from open_seq2seq.structs import OutputKind, Tensor


def as_probabilities(logits: Tensor, kind: OutputKind) -> Tensor:
    """Return the probabilities of logits [..., labels].

    Args:
        logits: of a network.
        kind: softmax, of which the sum is 1, or sigmoid, each for itself.
    """
    if kind == "sigmoid":
        return tf.sigmoid(logits)
    return tf.nn.softmax(logits)
