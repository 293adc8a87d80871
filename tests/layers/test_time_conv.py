"""The tap-by-tap convolution against a reference in NumPy and float64."""

import functools
import itertools

import numpy as np
import pytest

from open_seq2seq.layers import time_conv
from open_seq2seq.lazy import keras, tf
from tests.support import time_conv_reference as reference

RNG = np.random.default_rng(0)
# frames, taps, stride, dilation; some taps reach no frame at all
CASES = [
    *itertools.product([1, 7, 16], [1, 2, 11], [1], [1, 3]),
    *itertools.product([1, 7, 16], [1, 2, 11], [2, 3], [1]),
]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_outputs_and_gradients_match_numpy(padding):
    n_compared = 0
    for n_frames, n_taps, stride, dilation in CASES:
        if padding == "valid" and (n_taps - 1) * dilation >= n_frames:
            continue
        where = reference.input_of_tap(n_frames, n_taps, stride, dilation, padding)
        shapes = (3, n_frames, 1, 4), (n_taps, 1, 4, 6), (3, len(where), 1, 6)
        values = [RNG.standard_normal(shape).astype(np.float32) for shape in shapes]
        inputs, kernel, upstream = map(tf.constant, values)
        how = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
        convolve = functools.partial(time_conv.convolve, **how)
        ours = reference.outputs_and_gradients(convolve, inputs, kernel, upstream)
        case = str((n_frames, n_taps, stride, dilation))
        for tensor, expected in zip(ours, reference.convolve(*values, where), strict=True):
            np.testing.assert_allclose(tensor, expected, atol=2e-5, err_msg=case)
        n_compared += 1
    assert n_compared > 20


def test_half_precision_is_summed_in_float32():
    """With integers, everything is exact but the last rounding.

    bfloat16 represents every integer up to 256, so the product of a tap is exact: four channels of
    1 times 63 are at most 252, and the 128 frames in the kernel's gradient at most 128. The sum
    over 25 taps needs more digits.
    """
    n_frames, n_taps = 16, 25
    inputs, upstream = RNG.choice([-1.0, 1.0], (2, 8, n_frames, 1, 4))
    kernel = RNG.integers(-63, 64, (n_taps, 1, 4, 4)).astype(float)
    x, w, e = (tf.cast(values, tf.bfloat16) for values in (inputs, kernel, upstream))
    convolve = functools.partial(time_conv.convolve, kernel=w)
    where = reference.input_of_tap(n_frames, n_taps, 1, 1, "same")
    for tensor, exact in zip(
        reference.outputs_and_gradients(convolve, x, w, e),
        reference.convolve(inputs, kernel, upstream, where),
        strict=True,
    ):
        assert tensor.dtype == tf.bfloat16
        rounded = exact.astype(tensor.numpy().dtype)
        np.testing.assert_array_equal(tensor.numpy().astype(float), rounded.astype(float))


def test_the_layer_matches_conv2d():
    how = {"strides": (2, 1), "padding": "same", "use_bias": True, "activation": "relu"}
    ours, theirs = time_conv.TimeConv(6, (5, 1), **how), keras.layers.Conv2D(6, (5, 1), **how)
    x = RNG.standard_normal((3, 9, 1, 4)).astype(np.float32)
    ours(x), theirs(x)
    theirs.set_weights([RNG.standard_normal(weight.shape) for weight in ours.weights])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    symbolic = keras.Input((9, 1, 4))
    assert ours(symbolic).shape == theirs(symbolic).shape == (None, 5, 1, 6)
    model = keras.Model(symbolic, ours(symbolic))
    np.testing.assert_allclose(model(x), theirs(x), atol=1e-5)
