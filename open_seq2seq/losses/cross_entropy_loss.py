"""Softmax cross-entropy."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Loss
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch


class CrossEntropyLoss(Loss):
    """Softmax cross-entropy, in nats."""

    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the target that all labels get alike; evaluation takes none.",
    )

    def __call__(self, logits: Any, batch: Batch, *, training: bool = False) -> Any:
        """Return float32 [batch]."""
        targets = batch.targets
        if training and self.label_smoothing:
            targets = (1.0 - self.label_smoothing) * targets + self.label_smoothing / logits.shape[
                -1
            ]
        return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)
