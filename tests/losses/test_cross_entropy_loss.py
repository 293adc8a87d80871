"""Cross-entropy and label smoothing against their formulas in NumPy."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

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
