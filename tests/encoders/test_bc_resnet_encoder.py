"""BC-ResNet: published sizes, and its block in NumPy."""

from math import prod

import numpy as np
import pytest

from open_seq2seq.components import LayerOptions
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import BCResNetEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras
from open_seq2seq.models import Image2Label

RNG = np.random.default_rng(0)


def build(shape=(101, 40), n_labels=12, dtype="float32", **params):
    encoder = BCResNetEncoder(**params)
    return Image2Label.build(
        encoder, FullyConnectedDecoder(), shape, n_labels, LayerOptions(dtype=dtype)
    )


@pytest.mark.parametrize(
    ("scale", "published"),  # thousands, as the paper rounds them
    [
        (1, 9.2),
        (1.5, 17.2),
        (8, 321.1),
        *(
            pytest.param(scale, published, marks=pytest.mark.long)
            for scale, published in ((2, 27.3), (3, 54.2), (6, 187.8))
        ),
    ],
)
def test_has_its_published_size(scale, published):
    n_parameters = sum(prod(variable.shape) for variable in build(scale=scale).trainable_variables)
    assert n_parameters / 1000 == pytest.approx(published, abs=0.05)


def test_frames_are_kept_and_features_halved_three_times():
    model = build()
    shapes = [model.get_layer(f"bc_resnet_encoder.{i}_0.pointwise").output.shape for i in range(4)]
    assert [shape[1] for shape in shapes] == [101] * 4
    tail = model.get_layer("bc_resnet_encoder.tail.depthwise")
    assert tail.input.shape[1:3] == (101, 5) and tail.output.shape[1:3] == (101, 1)
    # the last convolution is as wide as the paper's, whatever the features are
    tail = build(shape=(101, 80)).get_layer("bc_resnet_encoder.tail.depthwise")
    assert tail.kernel.shape[:2] == (5, 5) and tail.output.shape[1:3] == (101, 10 - 4)
    over_time = [model.get_layer(f"bc_resnet_encoder.{i}_1.over_time.depthwise") for i in range(4)]
    dilations = [tuple(layer.get_config()["dilation_rate"]) for layer in over_time]
    assert dilations == [(1, 1), (2, 1), (4, 1), (8, 1)]


def test_initial_kernels_are_distributed_as_pytorchs():
    """Uniform within 1 / sqrt(fan-in); a depthwise convolution's fan-in is that of one channel."""
    kernels = [
        v
        for v in build(scale=3).trainable_variables
        if v.path.endswith("kernel") and len(v.shape) == 4
    ]
    for kernel in kernels:
        height, width, n_in, _ = kernel.shape
        if "depthwise" in kernel.path:
            n_in = 1
        bound = 1 / np.sqrt(height * width * n_in)
        values = kernel.numpy()
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / np.sqrt(3), rel=4 / np.sqrt(values.size))


def randomize(model):
    for variable in model.variables:
        low, high = -0.5, 0.5
        if "variance" in variable.path or "gamma" in variable.path:
            low, high = 0.5, 1.5
        variable.assign(RNG.uniform(low, high, variable.shape))


def test_a_block_computes_the_papers_formula():
    """y = relu(x + f2(x) + broadcast(f1(mean over features of f2(x))))."""
    model = build()
    randomize(model)
    weights = {
        variable.path.removeprefix("bc_resnet_encoder."): variable.numpy()
        for variable in model.variables
    }
    name, dilation = "1_1", 2  # the second block of the second stage
    layers = [layer.name for layer in model.layers]
    first = layers.index(f"bc_resnet_encoder.{name}.over_features.depthwise")
    last = next(i for i in range(first, len(layers)) if layers[i].startswith("re_lu"))
    norms = [
        layers[i].removeprefix("bc_resnet_encoder.")
        for i in range(first, last)
        if "norm" in layers[i]
    ]
    features = RNG.standard_normal((2, 101, 40)).astype(np.float32)
    block = keras.Model(model.input, [model.layers[first].input, model.layers[last].output])
    lengths = np.array([101, 101])
    x, y = block({"features": features, "lengths": lengths}, training=False)
    x = x.numpy()

    def norm(values, name, shape):
        gamma, beta, mean, variance = (
            weights[f"{name}/{leaf}"].reshape(shape)
            for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (values - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    n_features, channels = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    kernel = weights[f"{name}.over_features.depthwise/kernel"][0, :, :, 0]
    f2 = sum(padded[:, :, i : i + n_features] * kernel[i] for i in range(3))
    bands = f2.reshape(*f2.shape[:2], 5, n_features // 5, channels)
    f2 = norm(bands, norms[0], (5, 1, channels)).reshape(f2.shape)
    pooled = np.pad(f2.mean(axis=2), ((0, 0), (dilation, dilation), (0, 0)))
    kernel = weights[f"{name}.over_time.depthwise/kernel"][:, 0, :, 0]
    f1 = norm(
        sum(pooled[:, i * dilation : i * dilation + 101] * kernel[i] for i in range(3)),
        norms[1],
        (channels,),
    )
    f1 = f1 / (1 + np.exp(-f1)) @ weights[f"{name}.pointwise/kernel"][0, 0]
    np.testing.assert_allclose(y, np.maximum(x + f2 + f1[:, :, None], 0), atol=1e-4)


def test_features_that_cannot_be_halved_and_banded_are_refused():
    with pytest.raises(UserError, match=r"num_audio_features: 64; .* multiple of 40"):
        build(shape=(101, 64))
