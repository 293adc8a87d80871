"""Cross-entropy with label smoothing, of a softmax or of sigmoids."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Loss
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, OutputKind, Tensor


class CrossEntropyLoss(Loss):
    """Cross-entropy, in nats.

    Where the decoder's outputs are sigmoids, it is the sum of each label's against all others.
    """

    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of the target spread evenly over all labels, or between yes and no "
        "of each label where outputs are sigmoids; in training only.",
    )

    def for_outputs(self, kind: OutputKind) -> Loss:
        """Return the same loss for a decoder of such outputs.

        Raises:
            UserError: they are sigmoids, and this is a derived class, of which that is not known.
        """
        if kind == "sigmoid" and type(self) is CrossEntropyLoss:
            return _SigmoidCrossEntropy(**dict(self))
        return super().for_outputs(kind)

    def __call__(self, logits: Tensor, batch: Batch, *, training: bool = False) -> Tensor:
        """Return the cross-entropy of each clip in nats, float32 [batch]."""
        targets = batch.targets
        if training and self.label_smoothing:
            n_labels = logits.shape[-1]
            uniform = self.label_smoothing / n_labels
            targets = (1.0 - self.label_smoothing) * targets + uniform
        return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)


class _SigmoidCrossEntropy(CrossEntropyLoss):
    """Binary cross-entropy of each label against all others, summed over the labels."""

    def __call__(self, logits: Tensor, batch: Batch, *, training: bool = False) -> Tensor:
        """Return the sum of the labels' cross-entropies of each clip in nats, float32 [batch]."""
        targets = batch.targets
        if training and self.label_smoothing:
            targets = (1.0 - self.label_smoothing) * targets + 0.5 * self.label_smoothing
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return tf.reduce_sum(losses, axis=-1)
