"""BatchNorm against its formula, and SubSpectralNorm against BatchNorm of each band."""

import numpy as np
import pytest

from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import keras, tf

RNG = np.random.default_rng(0)
OPTIONS = {"momentum": 0.9, "epsilon": 1e-3}


@pytest.mark.parametrize("n_channels", [3, 8])  # TensorFlow has other kernels for multiples of 8
def test_batchnorm_follows_its_formula_in_training_and_inference(n_channels):
    x = (3.0 + 2.0 * RNG.standard_normal((4, 7, 5, n_channels))).astype(np.float32)
    layer = batch_norm.BatchNorm(**OPTIONS)
    layer.build(x.shape)
    gamma, beta = RNG.uniform(0.5, 1.5, n_channels), RNG.standard_normal(n_channels)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    in_training = layer(x, training=True).numpy()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(
        in_training, (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, atol=1e-5
    )
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    unbiased = x.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * unbiased, rtol=1e-5)
    in_inference = layer(x, training=False).numpy()
    expected = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * unbiased + 1e-3) * gamma + beta
    np.testing.assert_allclose(in_inference, expected, atol=1e-5)


@pytest.mark.parametrize("n_channels", [3, 8])
def test_batchnorm_takes_clips_of_any_length(n_channels):
    layer = batch_norm.BatchNorm(**OPTIONS)
    layer.build((None, None, 5, n_channels))
    run = tf.function(
        lambda x: layer(x, training=True),
        input_signature=[tf.TensorSpec((None, None, 5, n_channels))],
    )
    for n_frames in (7, 9):
        x = RNG.standard_normal((4, n_frames, 5, n_channels)).astype(np.float32)
        expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
        np.testing.assert_allclose(run(x), expected, atol=1e-5)


@pytest.mark.parametrize("n_channels", [3, 8])
def test_gradients_before_a_relu_match_those_of_keras(n_channels):
    x = RNG.standard_normal((4, 7, 5, n_channels)).astype(np.float32)
    ours, theirs = batch_norm.BatchNorm(**OPTIONS), keras.layers.BatchNormalization(**OPTIONS)
    gradients = []
    for layer in (ours, theirs):
        layer.build(x.shape)
        variables = [tf.Variable(x), layer.gamma.value, layer.beta.value]

        @tf.function(autograph=False)  # in a graph, where TensorFlow fuses operations
        def of_loss(layer=layer, variables=variables):
            with tf.GradientTape() as tape:
                outputs = tf.nn.relu(layer(variables[0], training=True))
                loss = tf.reduce_sum(tf.sin(outputs))
            return tape.gradient(loss, variables)

        gradients.append(of_loss())
    for gradient, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-4)


def test_sub_spectral_norm_is_batchnorm_of_each_band():
    deviations = np.linspace(1, 5, 20)[:, None]
    x = (RNG.standard_normal((4, 7, 20, 3)) * deviations).astype(np.float32)
    layer = batch_norm.SubSpectralNorm(5, **OPTIONS)
    in_training, in_inference = layer(x, training=True).numpy(), layer(x, training=False).numpy()
    for band in range(5):
        part, single = np.s_[:, :, 4 * band : 4 * band + 4], batch_norm.BatchNorm(**OPTIONS)
        np.testing.assert_allclose(in_training[part], single(x[part], training=True), atol=1e-5)
        np.testing.assert_allclose(in_inference[part], single(x[part], training=False), atol=1e-5)


@pytest.mark.parametrize(
    "make", [batch_norm.BatchNorm, lambda **kwargs: batch_norm.SubSpectralNorm(2, **kwargs)]
)
def test_statistics_stay_in_float32_in_mixed_precision(make):
    layer = make(**OPTIONS, dtype="mixed_bfloat16")
    x = 1000 + RNG.standard_normal((8, 50, 4, 2)).astype(np.float32)
    out = layer(x, training=True)
    assert out.dtype == "bfloat16"
    assert {variable.dtype for variable in layer.weights} == {"float32"}
    np.testing.assert_allclose(layer.moving_mean.numpy() * 10, 1000, rtol=5e-3)


def test_bands_of_unequal_width_are_refused():
    with pytest.raises(ValueError, match="4 features cannot be divided into 3 bands"):
        batch_norm.SubSpectralNorm(3, **OPTIONS)(np.zeros((1, 2, 4, 1), np.float32))


def test_gamma_and_beta_are_regularized_only_if_asked():
    layer = batch_norm.BatchNorm(**OPTIONS, gamma_regularizer=keras.regularizers.L2(1.0))
    layer(np.zeros((1, 2, 2, 3), np.float32))
    assert float(sum(layer.losses)) == 3.0  # three channels, gamma of ones
