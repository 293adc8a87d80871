"""LARC and LARS against their formulas in NumPy."""

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from open_seq2seq.optimizers.larc import LARC

RNG = np.random.default_rng(0)
VARIABLES = [RNG.standard_normal((3, 4)), RNG.standard_normal(5) * 10]


def norms(arrays):
    return [tf.constant(np.linalg.norm(array), tf.float32) for array in arrays]


def rescale(larc, gradients, rate):
    factors = larc.factors(norms(gradients), norms(VARIABLES), tf.constant(rate, tf.float32))
    return [float(factor) * gradient for factor, gradient in zip(factors, gradients, strict=True)]


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("mode", "rate"), [("clip", 0.05), ("scale", 0.05)])
def test_gradients_are_scaled_by_the_ratio_of_norms(mode, rate, size):
    gradients = [size * RNG.standard_normal(variable.shape) for variable in VARIABLES]
    rescaled = rescale(LARC(larc_eta=0.001, larc_mode=mode, min_update=0.0), gradients, rate)
    for array, gradient, variable in zip(rescaled, gradients, VARIABLES, strict=True):
        factor = 0.001 * np.linalg.norm(variable) / np.linalg.norm(gradient)
        if mode == "clip":
            factor = min(factor / rate, 1.0)
        np.testing.assert_allclose(array, gradient * factor, rtol=1e-3)


def test_factors_are_at_least_min_update():
    gradients = [1e9 * np.ones(variable.shape) for variable in VARIABLES]
    for array in rescale(LARC(larc_eta=1e-9, min_update=1e-3), gradients, 1.0):
        np.testing.assert_allclose(array, 1e6, rtol=1e-5)


def test_factors_are_finite_for_a_weight_norm_or_learning_rate_of_zero():
    larc = LARC(larc_eta=0.001)
    zero, gradient = tf.constant(0.0), tf.constant(3.7)
    assert larc.factors([gradient], [zero], tf.constant(0.1)) == [1.0]
    assert np.isfinite(larc.factors([gradient], [gradient], tf.constant(0.0)))
    assert np.isfinite(larc.factors([zero], [gradient], tf.constant(0.1)))


def test_unknown_modes_are_refused():
    with pytest.raises(pydantic.ValidationError, match="'clip' or 'scale'"):
        LARC(larc_eta=0.001, larc_mode="sometimes")
