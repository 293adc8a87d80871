"""The fast forms of convolutions and dropout against the Keras layers that they replace."""

import numpy as np
import pytest

from open_seq2seq.layers import convolutions, dropout
from open_seq2seq.lazy import keras, tf

RNG = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RNG.standard_normal(shape), tf.float32)


def outputs_and_gradients(function, inputs, variables, upstream):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return outputs, *tape.gradient(outputs, [inputs, *variables], upstream)


def assert_same(ours, theirs, inputs, replaced=None):
    """``replaced``: the Keras layer in ``theirs``; None: it is ``theirs``."""
    replaced = replaced or theirs
    upstream = normal(*theirs(inputs).shape)
    assert ours(keras.Input(inputs.shape[1:])).shape[1:] == upstream.shape[1:]
    replaced.set_weights([RNG.standard_normal(weight.shape) for weight in ours.weights])
    ours.set_weights(replaced.get_weights())
    got, expected = (
        outputs_and_gradients(layer, inputs, [v.value for v in variables], upstream)
        for layer, variables in (
            (ours, ours.trainable_variables),
            (theirs, replaced.trainable_variables),
        )
    )
    for value, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, right, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize("how", [{}, {"activation": "relu", "use_bias": False}])
def test_a_pointwise_convolution_is_one(how):
    ours, theirs = (cls(5, (1, 1), **how) for cls in (convolutions.Conv, keras.layers.Conv2D))
    assert_same(ours, theirs, normal(3, 6, 4, 7))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("shape", "strides"),
    [((3, 8, 10, 4), (2, 2)), ((3, 7, 9, 4), (2, 3)), ((3, 16, 1, 5), (2, 1)), ((3, 2, 2, 1), 3)],
)
def test_a_pointwise_convolution_with_strides_takes_every_nth_position(shape, strides, padding):
    """TensorFlow's convolution is none of it: its gradient writes past its memory in oneDNN."""
    layer = convolutions.Conv(8, 1, strides, padding=padding, use_bias=False)
    inputs = normal(*shape)
    upstream = normal(*layer(inputs).shape)

    @tf.function
    def run():
        return outputs_and_gradients(layer, inputs, [layer.kernel.value], upstream)

    operations = run.get_concrete_function().graph.get_operations()
    if not convolutions.has_plain_form():  # as on a GPU
        assert not [one.type for one in operations if "Conv2D" in one.type]
    got = run()
    over_time, over_features = layer.strides
    taken, kernel = inputs.numpy()[:, ::over_time, ::over_features], layer.kernel.numpy()[0, 0]
    to_inputs = np.zeros(shape)
    to_inputs[:, ::over_time, ::over_features] = upstream.numpy() @ kernel.T
    to_kernel = np.einsum("btfi,btfo->io", taken, upstream)[None, None]
    for value, right in zip(got, (taken @ kernel, to_inputs, to_kernel), strict=True):
        np.testing.assert_allclose(value, right, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize("dilation", [1, 2, 3, 8])
@pytest.mark.parametrize("n_taps", [1, 3, 11])
def test_a_depthwise_convolution_over_time_is_one(n_taps, dilation):
    how = {"padding": "same", "dilation_rate": (dilation, 1), "use_bias": False}
    for n_frames in (1, 7, 16):
        ours, theirs = (
            cls((n_taps, 1), **how)
            for cls in (convolutions.DepthwiseConv, keras.layers.DepthwiseConv2D)
        )
        assert_same(ours, theirs, normal(2, n_frames, 1, 4))


@pytest.mark.parametrize("how", [{"strides": (2, 2)}, {"padding": "valid"}, {}])
@pytest.mark.parametrize(("kernel", "n_features"), [((4, 1), 1), ((3, 1), 5), ((1, 3), 5)])
def test_other_depthwise_convolutions_are_those_of_keras(kernel, n_features, how):
    how = {"padding": "same", "use_bias": False, **how}
    if "strides" not in how:
        how["dilation_rate"] = (2, 1)
    ours, theirs = (
        cls(kernel, **how) for cls in (convolutions.DepthwiseConv, keras.layers.DepthwiseConv2D)
    )
    assert_same(ours, theirs, normal(2, 12, n_features, 4))


@pytest.mark.parametrize("n_features", [3, 4, 7])
def test_a_tail_convolution_pads_the_time_alone(n_features):
    how = {"use_bias": False}
    ours = convolutions.DepthwiseTailConv((5, 3), padding="same", **how)
    replaced = keras.layers.DepthwiseConv2D((5, 3), padding="valid", **how)
    theirs = keras.Sequential([keras.layers.ZeroPadding2D((2, 0)), replaced])
    assert_same(ours, theirs, normal(2, 9, n_features, 4), replaced)


def test_every_other_feature_begins_with_the_first():
    x, upstream = normal(2, 5, 6, 3), normal(2, 5, 3, 3)
    outputs, gradient = outputs_and_gradients(convolutions.every_other_feature, x, [], upstream)
    np.testing.assert_array_equal(outputs, x.numpy()[:, :, [0, 2, 4]])
    np.testing.assert_array_equal(gradient.numpy()[:, :, [0, 2, 4]], upstream)
    np.testing.assert_array_equal(gradient.numpy()[:, :, [1, 3, 5]], 0)


def test_channel_dropout_draws_what_keras_draws():
    ours, theirs = (
        cls(0.4, seed=7) for cls in (dropout.ChannelDropout, keras.layers.SpatialDropout2D)
    )
    x, upstream = normal(8, 5, 1, 16), normal(8, 5, 1, 16)
    np.testing.assert_array_equal(ours(x), x)
    for _ in range(2):  # two draws
        (got, to_x), (expected, expected_to_x) = (
            outputs_and_gradients(lambda x, layer=layer: layer(x, training=True), x, [], upstream)
            for layer in (ours, theirs)
        )
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        np.testing.assert_allclose(to_x, expected_to_x, rtol=1e-6)
        is_zero = (np.asarray(got) == 0).all(axis=1)
        assert 0.2 < is_zero.mean() < 0.6  # whole channels, 40 % of them
