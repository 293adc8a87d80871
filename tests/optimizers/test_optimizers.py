"""Optimizers against their published formulas, in NumPy."""

import numpy as np
import pytest

from open_seq2seq.lazy import keras
from open_seq2seq.optimizers.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Ftrl,
    Momentum,
    NovoGrad,
    RMSProp,
)
from tests.support import parity

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
    np.testing.assert_allclose(
        run(Momentum(momentum=0.9, use_nesterov=use_nesterov)), weights, rtol=1e-5
    )


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
def test_adamw_does_not_decay_biases_and_batchnorm(name):
    np.testing.assert_allclose(run(AdamW(weight_decay=0.5), name), run(Adam(), name), rtol=1e-6)


def test_adagrad():
    weights, total = START.copy(), np.full(3, 0.1)
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        total += gradient**2
        weights -= rate * gradient / np.sqrt(total)
    np.testing.assert_allclose(run(Adagrad()), weights, rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_starts_with_a_mean_square_of_one(momentum, centered):
    weights, square, mean, update = START.copy(), np.ones(3), np.zeros(3), np.zeros(3)
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        square = 0.9 * square + 0.1 * gradient**2
        mean = 0.9 * mean + 0.1 * gradient
        variance = square - mean**2 if centered else square
        update = momentum * update + rate * gradient / np.sqrt(variance + 1e-10)
        weights -= update
    np.testing.assert_allclose(
        run(RMSProp(momentum=momentum, centered=centered)), weights, rtol=1e-5
    )


def test_ftrl_with_penalties():
    """McMahan et al., algorithm 1, with TensorFlow's form of the penalties."""
    l1, l2 = 0.01, 0.02
    weights, total, linear = START.copy(), np.full(3, 0.1), np.zeros(3)
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        new_total = total + gradient**2
        linear += gradient - (np.sqrt(new_total) - np.sqrt(total)) / rate * weights
        total = new_total
        shrunk = np.clip(linear, -l1, l1) - linear
        weights = np.where(np.abs(linear) > l1, shrunk / (np.sqrt(total) / rate + 2 * l2), 0.0)
    params = Ftrl(l1_regularization_strength=l1, l2_regularization_strength=l2)
    np.testing.assert_allclose(run(params), weights, rtol=1e-4)


@pytest.mark.parametrize("grad_averaging", [False, True])
def test_novograd_has_one_second_moment_per_variable(grad_averaging):
    weights, first, second = START.copy(), np.zeros(3), (GRADIENTS[0] ** 2).sum()
    for step, (rate, gradient) in enumerate(zip(RATES, GRADIENTS, strict=True)):
        if step > 0:
            second = 0.7 * second + 0.3 * (gradient**2).sum()
        update = gradient / (np.sqrt(second) + 1e-8) + 0.01 * weights
        if grad_averaging:
            update *= 0.1
        first = 0.9 * first + update
        weights -= rate * first
    params = NovoGrad(beta1=0.9, beta2=0.7, weight_decay=0.01, grad_averaging=grad_averaging)
    np.testing.assert_allclose(run(params), weights, rtol=1e-5)


def test_novograd_matches_nemos():
    """One variable's first gradient is all zeros, so its second moment starts at the next one."""
    arrays, meta = parity.load("novograd.npz")
    names = ("kernel", "bias", "zero_first")
    variables = [keras.Variable(arrays[f"p0/{name}"], name=name) for name in names]
    params = NovoGrad(
        beta1=meta["betas"][0],
        beta2=meta["betas"][1],
        epsilon=meta["eps"],
        weight_decay=meta["weight_decay"],
    )
    optimizer = params.create()
    optimizer.build(variables)
    for step, rate in enumerate(arrays["lr"]):
        optimizer.learning_rate.assign(rate)
        optimizer.apply([arrays[f"grad/{name}"][step] for name in names], variables)
        for name, variable in zip(names, variables, strict=True):
            np.testing.assert_allclose(
                variable.numpy(), arrays[f"p/{name}"][step], atol=2e-6, err_msg=f"{name} {step}"
            )
