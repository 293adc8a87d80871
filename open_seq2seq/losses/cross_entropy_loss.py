"""Softmax cross-entropy."""

from __future__ import annotations

from typing import Any

from open_seq2seq.components import Loss
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch


class CrossEntropyLoss(Loss):
    """Softmax cross-entropy of integer labels, in nats."""

    def __call__(self, logits: Any, batch: Batch) -> Any:
        """Return float32 [batch]."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch.labels, logits=logits)
