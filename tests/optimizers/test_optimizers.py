"""Optimizers against their published formulas, in NumPy."""

import numpy as np
import pytest

from open_seq2seq.lazy import keras
from open_seq2seq.optimizers.optimizers import SGD, Adam, AdamW, Momentum

RATES = [0.1, 0.1, 0.05, 0.01]
GRADIENTS = np.random.default_rng(0).standard_normal((4, 3))
START = np.array([1.0, -2.0, 0.5])


def run(params, name="kernel"):
    variable = keras.Variable(START.astype(np.float32), name=name)
    optimizer = params.create()
    optimizer.build([variable])
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        optimizer.learning_rate.assign(rate)
        optimizer.apply([gradient.astype(np.float32)], [variable])
    return variable.numpy()


def test_sgd():
    expected = START - sum(rate * gradient for rate, gradient in zip(RATES, GRADIENTS, strict=True))
    np.testing.assert_allclose(run(SGD()), expected, rtol=1e-5)


@pytest.mark.parametrize("use_nesterov", [False, True])
def test_momentum_keeps_the_learning_rate_outside_the_velocity(use_nesterov):
    weights, velocity = START.copy(), np.zeros(3)
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        velocity = 0.9 * velocity + gradient
        weights -= rate * (gradient + 0.9 * velocity if use_nesterov else velocity)
    np.testing.assert_allclose(run(Momentum(momentum=0.9, use_nesterov=use_nesterov)), weights, rtol=1e-5)


@pytest.mark.parametrize(("params", "decay"), [(Adam(), 0.0), (AdamW(weight_decay=0.1), 0.1)])
def test_adam(params, decay):
    weights, first, second = START.copy(), np.zeros(3), np.zeros(3)
    for step, (rate, gradient) in enumerate(zip(RATES, GRADIENTS, strict=True), start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weights -= rate * decay * weights
        weights -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(run(params), weights, rtol=1e-4)


@pytest.mark.parametrize("name", ["bias", "gamma", "beta"])
def test_adamw_leaves_biases_and_batchnorm_undecayed(name):
    np.testing.assert_allclose(run(AdamW(weight_decay=0.5), name), run(Adam(), name), rtol=1e-6)
