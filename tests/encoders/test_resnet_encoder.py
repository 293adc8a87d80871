"""ResNet: published sizes, and parity with OpenSeq2Seq's logits."""

from math import prod

import numpy as np
import pydantic
import pytest

from open_seq2seq.components import LayerOptions
from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.encoders import ResNetEncoder
from open_seq2seq.layers.initializers import variance_scaling_initializer
from open_seq2seq.layers.regularizers import as_regularizer
from open_seq2seq.models import Image2Label
from tests.support import parity


def build(n_labels=12, shape=(128, 128), **params):
    return Image2Label.build(
        ResNetEncoder(**params), FullyConnectedDecoder(), shape, n_labels, LayerOptions()
    )


def inputs(features):
    return {"features": features, "lengths": np.full(len(features), features.shape[1], np.int32)}


def n_parameters(model):
    return sum(prod(variable.shape) for variable in model.trainable_variables)


def test_resnet50_has_the_size_that_openseq2seq_reports_for_12_labels():
    assert n_parameters(build(resnet_size=50)) == 23_518_668


@pytest.mark.parametrize(
    # torchvision's published counts of version 1, for 1,000 labels and three input channels
    ("resnet_size", "published"),
    [
        (18, 11_689_512),
        (50, 25_557_032),
        *(
            pytest.param(size, published, marks=pytest.mark.long)
            for size, published in ((34, 21_797_672), (101, 44_549_160), (152, 60_192_808))
        ),
    ],
)
def test_version_1_has_the_published_sizes(resnet_size, published):
    two_channels_less = 2 * 7 * 7 * 64
    # OpenSeq2Seq projects the shortcut of every group's first block, even where the shapes agree
    first_projection = 64 * 64 + 2 * 64 if resnet_size < 50 else 0
    model = build(n_labels=1000, resnet_size=resnet_size, version=1)
    assert n_parameters(model) == published - two_channels_less + first_projection


def test_version_1_with_kernels_of_zero_has_the_decoders_bias_as_logits():
    model = build(resnet_size=18, version=1, num_filters=4)
    for variable in model.trainable_variables:
        if "kernel" in variable.path and "conv2d" in variable.path:
            variable.assign(np.zeros(variable.shape))
    bias = np.arange(12.0, dtype=np.float32)
    model.get_layer("fully_connected_decoder.fully_connected").bias.assign(bias)
    np.testing.assert_allclose(model(inputs(np.ones((1, 128, 128), np.float32)))[0], bias)


def test_resnet18_has_openseq2seqs_logits():
    arrays, meta = parity.load("resnet18.npz")
    model = build(resnet_size=18)
    ours = {variable.path: variable for variable in model.variables}
    for name, entry in meta["variables"].items():
        part, layer, leaf = name.removeprefix("ForwardPass/").split("/")
        ours.pop(f"{part}.{layer}/{leaf}").assign(
            parity.original_weight(name, entry["shape"], entry["kind"])
        )
    assert not ours
    logits = model(inputs(arrays["input"][..., 0]), training=False).numpy()
    parity.assert_close_to_largest(logits, arrays["logits"])


def test_mixed_precision_keeps_weights_and_logits_in_float32():
    options = LayerOptions(dtype="mixed_bfloat16")
    model = Image2Label.build(
        ResNetEncoder(resnet_size=18), FullyConnectedDecoder(), (128, 128), 3, options
    )
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.get_layer("resnet_encoder.conv2d_1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


@pytest.mark.parametrize(
    ("regularize_bn", "n_penalties"), [(False, 21 + 1), (True, 21 + 1 + 2 * 17)]
)
def test_the_regularizer_covers_all_kernels_and_batchnorm_only_with_regularize_bn(
    regularize_bn, n_penalties
):
    options = LayerOptions(regularizer=as_regularizer(lambda weights: 1.0))
    encoder = ResNetEncoder(resnet_size=18, num_filters=2, regularize_bn=regularize_bn)
    model = Image2Label.build(encoder, FullyConnectedDecoder(), (32, 32), 3, options)
    assert len(model.losses) == n_penalties  # 21 convolutions, the decoder, and 17 BatchNorms


def test_layers_of_one_shape_start_with_different_weights():
    """A Keras initializer returns the same values at every call, so each layer needs its own."""
    options = LayerOptions(initializer=variance_scaling_initializer)
    encoder = ResNetEncoder(resnet_size=18, num_filters=4)
    model = Image2Label.build(encoder, FullyConnectedDecoder(), (32, 32), 3, options)
    first, second = (model.get_layer(f"resnet_encoder.conv2d_{i}").kernel.numpy() for i in (2, 3))
    assert first.shape == second.shape and np.abs(first - second).min() > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"resnet_size": 51},
        {"resnet_size": 18, "block_sizes": [1]},
        {"resnet_size": 18, "final_size": 2048},
    ],
)
def test_contradictory_parameters_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        ResNetEncoder(**wrong)
