"""Cross-entropy and label smoothing against their formulas in NumPy, for both kinds of outputs."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from open_seq2seq.errors import UserError
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.structs import Batch

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((5, 4)).astype(np.float32)
TARGETS = RNG.dirichlet(np.ones(4), 5).astype(np.float32)


@pytest.mark.parametrize("training", [False, True])
def test_targets_are_smoothed_in_training_only(training):
    batch = Batch(None, None, None, tf.constant(TARGETS), None)
    losses = CrossEntropyLoss(label_smoothing=0.2)(tf.constant(LOGITS), batch, training=training)
    targets = 0.8 * TARGETS + 0.2 / 4 if training else TARGETS
    log_probabilities = scipy.special.log_softmax(LOGITS, axis=1)
    np.testing.assert_allclose(losses, -(targets * log_probabilities).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_with_sigmoids_every_label_is_a_yes_or_no(training):
    targets = np.eye(4, dtype=np.float32)[[0, 3, 1, 1, 2]]
    batch = Batch(None, None, None, tf.constant(targets), None)
    loss = CrossEntropyLoss(label_smoothing=0.1).for_outputs("sigmoid")
    yes = np.where(targets == 1, 0.95, 0.05) if training else targets
    p = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    expected = -(yes * np.log(p) + (1 - yes) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(
        loss(tf.constant(LOGITS), batch, training=training), expected, rtol=1e-5
    )


def test_a_logit_of_any_size_has_a_loss():
    batch = Batch(None, None, None, tf.constant([[1.0, 0.0]]), None)
    loss = CrossEntropyLoss().for_outputs("sigmoid")
    np.testing.assert_allclose(loss(tf.constant([[-1e4, 1e4]]), batch), [2e4])


def test_a_loss_of_ones_own_is_not_taken_for_that_of_sigmoids():
    class Own(CrossEntropyLoss):
        def __call__(self, logits, batch, *, training=False):
            return 2.0 * super().__call__(logits, batch, training=training)

    loss = Own()
    assert loss.for_outputs("softmax") is loss
    with pytest.raises(UserError, match="outputs: 'sigmoid', but the loss Own trains 'softmax'"):
        loss.for_outputs("sigmoid")
