"""Weights of labels: which loss a training step is left with."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from open_seq2seq.errors import UserError
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.losses.label_weights import class_weights, weighted
from open_seq2seq.structs import Batch, MergedClasses

LABELS = ("yes", "unknown", "silence")
RNG = np.random.default_rng(3)


def batch_of(targets, weights=None):
    n = len(targets)
    weights = np.ones(n, np.float32) if weights is None else np.asarray(weights, np.float32)
    return Batch(None, None, None, tf.constant(targets.astype(np.float32)), tf.constant(weights))


def test_further_classes_have_the_weight_of_their_label():
    loss = CrossEntropyLoss(label_weights={"unknown": 2.0, "silence": 0.5})
    np.testing.assert_array_equal(class_weights(loss, LABELS, None), [1, 2, 0.5])
    np.testing.assert_array_equal(
        class_weights(loss, LABELS, MergedClasses(1, 2)), [1, 2, 0.5, 2, 2]
    )
    assert class_weights(CrossEntropyLoss(), LABELS, None) is None


def test_a_label_that_there_is_not_is_refused():
    loss = CrossEntropyLoss(label_weights={"yes": 2.0, "yse": 2.0})
    with pytest.raises(UserError, match="label_weights: no label 'yse'; the labels are yes unknow"):
        class_weights(loss, LABELS, None)


def test_a_weight_is_above_0():
    with pytest.raises(ValueError, match="expected a weight above 0 for 'yes', got 0"):
        CrossEntropyLoss(label_weights={"yes": 0.0})


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_loss_of_a_mixture_is_the_mixture_of_weighted_losses(kind, smoothing):
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    logits = tf.constant(RNG.standard_normal((4, 3)).astype(np.float32))
    targets = RNG.dirichlet(np.ones(3), 4)
    loss = CrossEntropyLoss(label_smoothing=smoothing).for_outputs(kind)
    batch = weighted(batch_of(targets, [1, 1, 1, 0]), weights)
    given = loss(logits, batch, training=True) * batch.weights
    expected = np.zeros(4)
    for label, weight in enumerate(weights):
        pure = batch_of(np.tile(np.eye(3)[label], (4, 1)))
        of_label = loss(logits, pure, training=True).numpy()
        expected += targets[:, label] * weight * of_label * [1, 1, 1, 0]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_the_gradient_of_a_clip_grows_with_its_weight():
    """Of softmax cross-entropy it is the weight times probabilities less targets."""
    weights = np.array([1.0, 3.0, 1.0], np.float32)
    logits = tf.constant(RNG.standard_normal((3, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        batch = weighted(batch_of(np.eye(3)), weights)
        total = tf.reduce_sum(CrossEntropyLoss()(logits, batch, training=True) * batch.weights)
    expected = weights[:, None] * (scipy.special.softmax(logits.numpy(), axis=1) - np.eye(3))
    np.testing.assert_allclose(tape.gradient(total, logits), expected, atol=1e-6)
