"""Softmax cross-entropy with label smoothing."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Loss
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Tensor


class CrossEntropyLoss(Loss):
    """Softmax cross-entropy, in nats."""

    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of the target spread evenly over all labels, in training only.",
    )

    def __call__(self, logits: Tensor, batch: Batch, *, training: bool = False) -> Tensor:
        """Return the cross-entropy of each clip in nats, float32 [batch]."""
        targets = batch.targets
        if training and self.label_smoothing:
            n_labels = logits.shape[-1]
            uniform = self.label_smoothing / n_labels
            targets = (1.0 - self.label_smoothing) * targets + uniform
        return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)
