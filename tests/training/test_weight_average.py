"""The moving average of the weights against its formula, and what happens around it."""

import numpy as np

from open_seq2seq.lazy import keras
from open_seq2seq.training.weight_average import WeightAverage


def test_the_average_follows_with_a_decay_that_grows():
    variable = keras.Variable(np.zeros(2, np.float32), name="w")
    average = WeightAverage([variable], decay=0.3)
    expected = np.zeros(2)
    for n, value in enumerate(([1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [2.0, 2.0]), start=1):
        variable.assign(np.array(value))
        average.update()
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * np.array(value)
        np.testing.assert_allclose(average.variables[0], expected, rtol=1e-6)
    with average.applied():
        np.testing.assert_allclose(variable, expected, rtol=1e-6)
        np.testing.assert_allclose(
            average.variables[0], [2.0, 2.0]
        )  # what a checkpoint keeps beside the model
    np.testing.assert_allclose(variable, [2.0, 2.0])


def test_weights_come_back_after_an_error():
    variable = keras.Variable(np.ones(1, np.float32), name="w")
    average = WeightAverage([variable], decay=0.9)
    variable.assign(np.array([5.0]))
    try:
        with average.applied():
            raise RuntimeError
    except RuntimeError:
        pass
    np.testing.assert_allclose(variable, [5.0])
