"""The tap-by-tap convolution against TensorFlow's."""

import itertools

import numpy as np
import pytest

from open_seq2seq.layers import time_conv
from open_seq2seq.lazy import keras, tf

RNG = np.random.default_rng(0)
# frames, taps, stride, dilation; some taps reach no frame at all
CASES = [
    *itertools.product([1, 2, 7, 16], [1, 2, 5, 11], [1], [1, 2, 3]),
    *itertools.product([1, 2, 7, 16], [1, 2, 5, 11], [2, 3], [1]),
]


def random(*shape, dtype="float32"):
    return tf.cast(RNG.standard_normal(shape), dtype)


def tensorflows(inputs, kernel, stride, dilation, padding):
    return tf.nn.conv2d(inputs, kernel, (stride, 1), padding.upper(), dilations=(dilation, 1))


def outputs_and_gradients(convolve, inputs, kernel, upstream=None):
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = convolve(inputs, kernel)
    if upstream is None:
        upstream = random(*outputs.shape, dtype=outputs.dtype)
    return outputs, upstream, tape.gradient(outputs, [inputs, kernel], upstream)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_outputs_and_gradients_match_tensorflows(padding):
    n_compared = 0
    for n_frames, n_taps, stride, dilation in CASES:
        if padding == "valid" and (n_taps - 1) * dilation >= n_frames:
            continue
        inputs, kernel = random(3, n_frames, 1, 4), random(n_taps, 1, 4, 6)
        outputs, upstream, gradients = outputs_and_gradients(
            lambda x, w, how=(stride, dilation, padding): time_conv.convolve(x, w, *how),
            inputs,
            kernel,
        )
        expected, _, expected_gradients = outputs_and_gradients(
            lambda x, w, how=(stride, dilation, padding): tensorflows(x, w, *how),
            inputs,
            kernel,
            upstream,
        )
        case = str((n_frames, n_taps, stride, dilation))
        np.testing.assert_allclose(outputs, expected, atol=2e-5, err_msg=case)
        for gradient, theirs in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_allclose(gradient, theirs, atol=2e-5, err_msg=case)
        n_compared += 1
    assert n_compared > 20


def test_half_precision_is_summed_in_float32():
    inputs, kernel = random(8, 16, 1, 64, dtype="bfloat16"), random(25, 1, 64, 32, dtype="bfloat16")
    outputs, upstream, gradients = outputs_and_gradients(time_conv.convolve, inputs, kernel)
    assert {x.dtype for x in (outputs, *gradients)} == {tf.bfloat16}
    expected, _, expected_gradients = outputs_and_gradients(
        lambda x, w: tensorflows(x, w, 1, 1, "same"),
        *(tf.cast(x, tf.float64) for x in (inputs, kernel)),
        tf.cast(upstream, tf.float64),
    )
    for ours, exact in zip((outputs, *gradients), (expected, *expected_gradients), strict=True):
        error = tf.cast(ours, tf.float64) - exact
        # the relative RMS error of one rounding to 8 bits is 1/600; of 25 sums, each rounded, 1/240
        assert np.sqrt(np.mean(error**2) / np.mean(exact**2)) < 1 / 400


def test_the_layer_matches_conv2d():
    how = {"strides": (2, 1), "padding": "same", "use_bias": True, "activation": "relu"}
    ours, theirs = time_conv.TimeConv(6, (5, 1), **how), keras.layers.Conv2D(6, (5, 1), **how)
    x = random(3, 9, 1, 4)
    ours(x), theirs(x)
    theirs.set_weights([random(*weight.shape) for weight in ours.weights])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    symbolic = keras.Input((9, 1, 4))
    assert ours(symbolic).shape == theirs(symbolic).shape == (None, 5, 1, 6)
    model = keras.Model(symbolic, ours(symbolic))
    np.testing.assert_allclose(model(x), theirs(x), atol=1e-5)
