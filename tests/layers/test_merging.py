"""Merged logits are those whose softmax sums the classes' probabilities."""

import numpy as np
import pytest
import scipy.special

from open_seq2seq.layers.merging import MergeClasses, sum_classes
from open_seq2seq.lazy import tf
from open_seq2seq.structs import MergedClasses

RNG = np.random.default_rng(0)


def summed(probabilities, n_labels, label):
    """Probabilities of labels: those of the further classes are added to one label's."""
    labels = probabilities[:, :n_labels].copy()
    labels[:, label] += probabilities[:, n_labels:].sum(axis=1)
    return labels


@pytest.mark.parametrize("label", [0, 1, 3])
@pytest.mark.parametrize("scale", [1.0, 40.0, 1000.0])
def test_their_softmax_is_the_sum(label, scale):
    logits = (scale * RNG.standard_normal((20, 9))).astype(np.float32)
    merged = MergeClasses(4, MergedClasses(label, 5))(logits).numpy()
    expected = summed(scipy.special.softmax(logits.astype(np.float64), axis=1), 4, label)
    np.testing.assert_allclose(scipy.special.softmax(merged, axis=1), expected, atol=1e-6)
    probabilities = scipy.special.softmax(logits, axis=1)
    np.testing.assert_allclose(
        sum_classes(probabilities, MergedClasses(label, 5)), expected, atol=1e-6
    )
    others = [index for index in range(4) if index != label]
    np.testing.assert_array_equal(merged[:, others], logits[:, others])


def test_the_gradient_is_shared_by_probability():
    """Of log sum exp it is the softmax."""
    logits = tf.constant(RNG.standard_normal((3, 5)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        unknown = MergeClasses(3, MergedClasses(1, 2))(logits)[:, 1]
    classes = [1, 3, 4]
    expected = np.zeros((3, 5))
    expected[:, classes] = scipy.special.softmax(logits.numpy()[:, classes], axis=1)
    np.testing.assert_allclose(tape.gradient(unknown, logits), expected, atol=1e-6)


def test_numbers_that_are_lost_stay_so():
    logits = np.zeros((2, 4), np.float32)
    logits[0, 3], logits[1, 3] = np.nan, np.inf
    merged = MergeClasses(2, MergedClasses(0, 2))(logits).numpy()
    assert not np.isfinite(merged).all(axis=1).any()
