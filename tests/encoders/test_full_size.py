"""ResNet-50 and Jasper-10x3 of the examples against OpenSeq2Seq's networks in float64 NumPy.

Jasper is compared with a quarter of its channels, a sixteenth of the numbers. The weights are
generated from the variables' names in OpenSeq2Seq's graph, as in the parity files.
"""

import runpy
from math import prod

import numpy as np
import pytest

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.importing import names
from open_seq2seq.lazy import tf
from open_seq2seq.models import Image2Label
from open_seq2seq.structs import KerasModel
from tests.support import parity
from tests.support.paths import EXAMPLES

FEATURES = np.random.default_rng(0).standard_normal((2, 128, 128)).astype(np.float32)
N_LABELS = 12
JASPER_SHARE = 4  # what its channels are divided by
# small networks of the same layers have parity in test_resnet_encoder.py and test_openseq2seq.py
pytestmark = pytest.mark.long


class Weights(dict):
    """Generates float32 variables on request and keeps them by name."""

    def make(self, name: str, shape: tuple[int, ...], kind: str) -> np.ndarray:
        self[f"ForwardPass/{name}"] = parity.original_weight(f"ForwardPass/{name}", shape, kind)
        return self[f"ForwardPass/{name}"].astype(np.float64)

    def normalize(self, x: np.ndarray, name: str, epsilon: float) -> np.ndarray:
        kinds = {"gamma": "gamma", "beta": "beta", "moving_mean": "mean", "moving_variance": "var"}
        gamma, beta, mean, variance = (
            self.make(f"{name}/{leaf}", x.shape[-1:], kinds[leaf]) for leaf in kinds
        )
        return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta

    def decode(self, hidden: np.ndarray) -> np.ndarray:
        decoder = "fully_connected_decoder/fully_connected"
        kernel = self.make(f"{decoder}/kernel", (hidden.shape[1], N_LABELS), "kernel_tf")
        return hidden @ kernel + self.make(f"{decoder}/bias", (N_LABELS,), "bias")


def resnet50(weights: Weights) -> np.ndarray:
    """He et al., "Identity Mappings in Deep Residual Networks", 2016; strides on 3x3 kernels."""
    counts = {"conv2d": 0, "batch_normalization": 0}

    def next_name(kind):
        number = counts[kind]
        counts[kind] += 1
        return f"resnet_encoder/{kind}_{number}" if number else f"resnet_encoder/{kind}"

    def convolve(x, channels, size, stride=1):
        kernel = weights.make(
            f"{next_name('conv2d')}/kernel", (size, size, x.shape[3], channels), "kernel_tf"
        )
        if stride > 1:
            sides = ((size - 1) // 2, size // 2)
            x = np.pad(x, ((0, 0), sides, sides, (0, 0)))
        return tf.nn.conv2d(x, kernel, stride, "VALID" if stride > 1 else "SAME").numpy()

    def activate(x):
        return np.maximum(weights.normalize(x, next_name("batch_normalization"), 1e-5), 0)

    x = convolve(FEATURES[..., None].astype(np.float64), 64, 7, 2)
    x = tf.nn.max_pool2d(x, 3, 2, "SAME").numpy()
    for n_blocks, channels, first_stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for block in range(n_blocks):
            stride = first_stride if block == 0 else 1
            y = activate(x)
            shortcut = convolve(y, 4 * channels, 1, stride) if block == 0 else x
            y = activate(convolve(y, channels, 1))
            y = activate(convolve(y, channels, 3, stride))
            x = convolve(y, 4 * channels, 1) + shortcut
    return weights.decode(activate(x).mean((1, 2)))


def jasper10x3(weights: Weights) -> np.ndarray:
    """Li et al., "Jasper", 2019, a table of kernel, channels, repeats, stride, dilation.

    The channels are divided by `JASPER_SHARE`.
    """

    def convolve(x, name, size, channels, stride=1, dilation=1):
        kernel = weights.make(f"{name}/kernel", (size, x.shape[2], channels), "kernel_tf")
        n_out, span = -(-x.shape[1] // stride), (size - 1) * dilation + 1
        missing = max(0, (n_out - 1) * stride + span - x.shape[1])
        x = np.pad(x, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)))
        taps = (
            x[:, tap * dilation : tap * dilation + (n_out - 1) * stride + 1 : stride]
            for tap in range(size)
        )
        return sum(frames @ matrix for frames, matrix in zip(taps, kernel, strict=True))

    first = [
        (11, 256, 1, 2, 1),
        *[(11, 256, 3, 1, 1)] * 2,
        (13, 384, 1, 2, 1),
        *[(13, 384, 3, 1, 1)] * 2,
    ]
    middle = [
        (17, 512, 1, 2, 1),
        *[(17, 512, 3, 1, 1)] * 2,
        *[(21, 640, 3, 1, 1)] * 2,
        *[(25, 768, 3, 1, 1)] * 2,
    ]
    x = FEATURES.astype(np.float64)
    for block, (size, channels, repeats, stride, dilation) in enumerate(
        [*first, *middle, (29, 896, 1, 1, 2), (1, 1024, 1, 1, 1)], start=1
    ):
        channels //= JASPER_SHARE
        inputs = x
        for repeat in range(1, repeats + 1):
            name = f"w2l_encoder/conv{block}{repeat}"
            x = weights.normalize(
                convolve(x, name, size, channels, stride, dilation), f"{name}/bn", 1e-3
            )
            if repeat == repeats > 1:
                x += weights.normalize(
                    convolve(inputs, f"{name}/res", 1, channels), f"{name}/res_bn", 1e-3
                )
            x = np.maximum(x, 0)
    return weights.decode(x.reshape(len(x), -1))


def make(name: str, share: int = 1) -> tuple[Encoder, KerasModel]:
    """Return the encoder and the network of an example, with its channels divided by ``share``."""
    base = runpy.run_path(str(EXAMPLES / f"{name}.py"))["base_params"]
    params = dict(base["encoder_params"])
    if share > 1:
        params["convnet_layers"] = [
            {**layer, "num_channels": layer["num_channels"] // share}
            for layer in params["convnet_layers"]
        ]
    encoder, decoder = base["encoder"](**params), base["decoder"](**base.get("decoder_params", {}))
    return encoder, Image2Label.build(encoder, decoder, (128, 128), N_LABELS, LayerOptions())


@pytest.mark.parametrize(("name", "published"), [("resnet50", 23.5), ("jasper10x3", 207.3)])
def test_the_example_has_its_published_size(name, published):
    _, model = make(name)
    n_parameters = sum(prod(v.shape) for v in model.trainable_variables)
    assert n_parameters / 1e6 == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize(("network", "share"), [(resnet50, 1), (jasper10x3, JASPER_SHARE)])
def test_the_example_has_openseq2seqs_logits(network, share):
    weights = Weights()
    expected = network(weights)
    encoder, model = make(network.__name__, share)
    ours = {variable.path: variable for variable in model.variables if "seed" not in variable.path}
    for name, value in weights.items():
        variable = ours.pop(names.translate(name, names.ENCODER_PREFIXES[type(encoder)]))
        variable.assign(value[:, None] if value.ndim == 3 else value)
    assert not ours
    logits = model({"features": FEATURES, "lengths": np.array([128, 128])}, training=False)
    parity.assert_close_to_largest(logits.numpy(), expected)
