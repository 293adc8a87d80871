"""Logits of classes to logits of labels, where one label is several classes.

This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from open_seq2seq.structs import MergedClasses, Tensor


class MergeClasses(keras.layers.Layer):
    """The label's logit is the log of the sum of its classes' exponentials.

    The softmax of what comes out is then the sum of the classes' probabilities, exactly.
    """

    def __init__(self, n_labels: int, merged: MergedClasses) -> None:
        """Merge the classes after the first ``n_labels`` into one of these."""
        super().__init__(name="merge_classes", trainable=False, dtype="float32")
        self.n_labels, self.merged = n_labels, merged

    def call(self, logits: Tensor) -> Tensor:
        """Map [batch, labels + further classes] to [batch, labels]."""
        label, n_labels = self.merged.label, self.n_labels
        classes = tf.concat([logits[:, label : label + 1], logits[:, n_labels:]], axis=1)
        merged = tf.reduce_logsumexp(classes, axis=1, keepdims=True)
        return _with(merged, logits[:, :n_labels], label)


def sum_classes(probabilities: Tensor, merged: MergedClasses) -> Tensor:
    """Return the probabilities of labels for those of classes, [batch, classes].

    In small integers this loses less than the logarithm does.
    """
    labels, others = probabilities[:, : -merged.n], probabilities[:, -merged.n :]
    own = labels[:, merged.label : merged.label + 1]
    return _with(own + tf.reduce_sum(others, axis=1, keepdims=True), labels, merged.label)


def _with(column: Tensor, labels: Tensor, label: int) -> Tensor:
    """Put a column [batch, 1] in the place of a label's."""
    return tf.concat([labels[:, :label], column, labels[:, label + 1 :]], axis=1)
