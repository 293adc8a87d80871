"""LARC and LARS against their formulas in NumPy."""

import numpy as np
import pydantic
import pytest
import tensorflow as tf

from open_seq2seq.optimizers.larc import LARC

RNG = np.random.default_rng(0)
VARIABLES = [RNG.standard_normal((3, 4)), RNG.standard_normal(5) * 10]


def rescale(params, gradients, rate):
    lengths = [
        [tf.constant(np.linalg.norm(array), tf.float32) for array in arrays]
        for arrays in (gradients, VARIABLES)
    ]
    factors = params.factors(*lengths, tf.constant(rate, tf.float32))
    return [float(factor) * gradient for factor, gradient in zip(factors, gradients, strict=True)]


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("mode", "rate"), [("clip", 0.05), ("scale", 0.05)])
def test_updates_are_in_proportion_to_the_variables(mode, rate, size):
    gradients = [size * RNG.standard_normal(variable.shape) for variable in VARIABLES]
    found = rescale(LARC(larc_eta=0.001, larc_mode=mode, min_update=0.0), gradients, rate)
    for array, gradient, variable in zip(found, gradients, VARIABLES, strict=True):
        factor = 0.001 * np.linalg.norm(variable) / np.linalg.norm(gradient)
        expected = min(factor / rate, 1.0) if mode == "clip" else factor
        np.testing.assert_allclose(array, gradient * expected, rtol=1e-3)


def test_no_update_is_shorter_than_min_update_lets_it():
    gradients = [1e9 * np.ones(variable.shape) for variable in VARIABLES]
    for array in rescale(LARC(larc_eta=1e-9, min_update=1e-3), gradients, 1.0):
        np.testing.assert_allclose(array, 1e6, rtol=1e-5)


def test_a_variable_of_zeros_and_a_rate_of_zero_stay_finite():
    larc = LARC(larc_eta=0.001)
    zero, gradient = tf.constant(0.0), tf.constant(3.7)
    assert larc.factors([gradient], [zero], tf.constant(0.1)) == [1.0]
    assert np.isfinite(larc.factors([gradient], [gradient], tf.constant(0.0)))
    assert np.isfinite(larc.factors([zero], [gradient], tf.constant(0.1)))


def test_unknown_modes_are_refused():
    with pytest.raises(pydantic.ValidationError, match="'clip' or 'scale'"):
        LARC(larc_eta=0.001, larc_mode="sometimes")
