"""TDNNEncoder: published sizes, masks, residual paths, and parity with MatchboxNet's outputs."""

import itertools
import runpy
from math import prod

import numpy as np
import pydantic
import pytest

from open_seq2seq.components import LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.augment import NO_AUGMENTATION, no_draws
from open_seq2seq.data.samples import reflect_after_end
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.decoders import FullyConnectedDecoder, FullyConnectedSCDecoder, PooledDecoder
from open_seq2seq.encoders import ConvLayer, ResNetEncoder, TDNNEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras, tf
from open_seq2seq.models import Image2Label
from open_seq2seq.structs import Clips
from tests.support import parity
from tests.support import time_conv_reference as reference
from tests.support.paths import EXAMPLES


def from_example(name, n_labels, shape, **changes):
    base = runpy.run_path(str(EXAMPLES / f"{name}.py"))["base_params"]
    encoder = base["encoder"](**{**base["encoder_params"], **changes})
    return Image2Label.build(
        encoder, base["decoder"](**base.get("decoder_params", {})), shape, n_labels, LayerOptions()
    )


def n_parameters(model):
    return sum(prod(variable.shape) for variable in model.trainable_variables)


@pytest.mark.parametrize(
    ("name", "n_labels", "published"),
    [
        ("matchboxnet3x1x64", 30, 77_214),
        ("matchboxnet3x1x64", 35, 77_859),
        ("matchboxnet3x2x64", 30, 92_766),
        ("matchboxnet3x2x64", 35, 93_411),
    ],
)
def test_matchboxnet_has_its_published_size(name, n_labels, published):
    assert n_parameters(from_example(name, n_labels, (128, 64))) == published


@pytest.fixture(scope="module")
def original():
    return parity.load("matchboxnet_3x1x64.npz")[0]


@pytest.fixture(scope="module")
def matchboxnet(original):
    """A function from use_conv_mask to the example with the original's weights.

    The model returns the hidden frames and the logits.
    """

    def build(use_conv_mask):
        model = from_example("matchboxnet3x1x64", 30, (128, 64), use_conv_mask=use_conv_mask)
        ours = {variable.path: variable for variable in model.variables}
        for block in range(6):
            original_block = f"w/encoder.encoder.{block}"
            name = f"tdnn_encoder.conv{block + 1}1"
            parts = [(f"{original_block}.mconv.0.conv.weight", f"{name}/kernel")]
            if block < 5:
                parts = [
                    (f"{original_block}.mconv.0.conv.weight", f"{name}.depthwise/kernel"),
                    (f"{original_block}.mconv.1.conv.weight", f"{name}/kernel"),
                ]
            norms = [(f"{original_block}.mconv.{len(parts)}", f"{name}.bn")]
            if 1 <= block <= 3:
                parts.append((f"{original_block}.res.0.0.conv.weight", f"{name}.res/kernel"))
                norms.append((f"{original_block}.res.0.1", f"{name}.res_bn"))
            for theirs, path in parts:
                weight = original[theirs].transpose(2, 1, 0)  # [out, in, k] to [k, in, out]
                if path.endswith("depthwise/kernel"):
                    weight = weight.transpose(0, 2, 1)
                ours.pop(path).assign(weight[:, None])
            for theirs, path in norms:
                for leaf, ending in (
                    ("weight", "gamma"),
                    ("bias", "beta"),
                    ("running_mean", "moving_mean"),
                    ("running_var", "moving_variance"),
                ):
                    ours.pop(f"{path}/{ending}").assign(original[f"{theirs}.{leaf}"])
        ours.pop("fully_connected_decoder.fully_connected/kernel").assign(
            original["w/decoder.decoder_layers.0.weight"].T
        )
        ours.pop("fully_connected_decoder.fully_connected/bias").assign(
            original["w/decoder.decoder_layers.0.bias"]
        )
        assert not ours
        hidden = next(
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.GlobalAveragePooling1D)
        ).input
        return keras.Model(model.input, [hidden, model.output])

    return build


@pytest.mark.parametrize("ending", ["", "_masked"])
def test_matchboxnet_has_the_originals_outputs(original, matchboxnet, ending):
    features = original["mfcc"].transpose(0, 2, 1)
    lengths = original[f"lengths{ending}"].astype(np.int32)
    hidden, logits = matchboxnet(True)({"features": features, "lengths": lengths}, training=False)
    parity.assert_close_to_largest(hidden.numpy().transpose(0, 2, 1), original[f"encoder{ending}"])
    parity.assert_close_to_largest(logits.numpy(), original[f"logits{ending}"])


def test_front_end_and_network_of_the_example_have_the_originals_logits(original, matchboxnet):
    example = runpy.run_path(str(EXAMPLES / "matchboxnet3x1x64.py"))
    params = example["base_params"]["data_layer_params"]
    front_end = SpeechCommandsDataLayer(**params)
    engine = SpectralEngine(front_end)
    samples = np.pad(original["wave"] * 32768, ((0, 0), (0, engine.extent.n_samples - 16000)))
    lengths = np.array([16000, 16000], np.int32)
    reflect_after_end(samples, lengths, front_end.n_fft // 2)
    clips = Clips.of(samples, lengths, no_draws(NO_AUGMENTATION, 2))
    features = engine.features(Clips(*map(tf.constant, clips))).numpy()
    _, logits = matchboxnet(False)(
        {"features": features, "lengths": np.array([128, 128])}, training=False
    )
    parity.assert_close_to_largest(logits.numpy(), original["wave_padded_logits"])


def small(decoder=None, shape=(20, 3), **params):
    encoder = TDNNEncoder(**params)
    return Image2Label.build(
        encoder, decoder or FullyConnectedSCDecoder(), shape, 4, LayerOptions()
    )


def run(model, features, lengths):
    return model(
        {"features": features, "lengths": np.asarray(lengths, np.int32)}, training=False
    ).numpy()


FEATURES = np.random.default_rng(0).standard_normal((2, 20, 3)).astype(np.float32)


@pytest.mark.parametrize("separable", [False, True])
def test_masks_hide_the_frames_after_a_clips_end(separable):
    layers = [
        {"kernel_size": [5], "num_channels": 8, "stride": [2], "separable": separable},
        {
            "kernel_size": [3],
            "num_channels": 8,
            "repeat": 2,
            "residual": True,
            "separable": separable,
        },
    ]
    changed = FEATURES.copy()
    changed[0, 11:] = 100.0
    for use_conv_mask, is_equal in ((True, True), (False, False)):
        model = small(
            PooledDecoder(use_lengths=True), convnet_layers=layers, use_conv_mask=use_conv_mask
        )
        same = np.allclose(
            run(model, FEATURES, [11, 20])[0], run(model, changed, [11, 20])[0], atol=1e-6
        )
        assert same == is_equal


@pytest.mark.parametrize(
    ("layer", "length", "expected"),
    [
        ({"kernel_size": 11, "stride": 2}, 101, 51),
        ({"kernel_size": 3, "padding": "VALID"}, 20, 18),
        ({"kernel_size": 4, "padding": "VALID", "stride": 3}, 20, 6),
        ({"kernel_size": 3, "padding": "VALID", "dilation": 4}, 20, 12),
    ],
)
def test_lengths_follow_the_convolutions(layer, length, expected):
    assert ConvLayer(num_channels=2, **layer).length_after(length) == expected
    model = small(shape=(length, 3), convnet_layers=[{"num_channels": 2, **layer}])
    assert model.get_layer("tdnn_encoder.conv11").output.shape[1] == expected


def test_strided_convolutions_pad_as_tensorflow_does():
    """A kernel of ones over ones counts the frames under it.

    Of 11 taps with stride 2, SAME puts 4 before the first frame and 5 after the last.
    """
    model = small(
        shape=(20, 1),
        convnet_layers=[
            {"kernel_size": [11, 1], "stride": [2, 1], "num_channels": 1, "type": "conv2d"}
        ],
        normalization=None,
    )
    model.get_layer("tdnn_encoder.conv11").kernel.assign(np.ones((11, 1, 1, 1)))
    counted = keras.Model(model.input, model.get_layer("tdnn_encoder.conv11").output)
    counts = np.ravel(run(counted, np.ones((1, 20, 1), np.float32), [20]))
    windows = [range(2 * i - 4, 2 * i + 7) for i in range(10)]
    assert counts.tolist() == [sum(0 <= frame < 20 for frame in window) for window in windows]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2)])
@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        ("float32", [*itertools.product([1, 7, 8], [1, 5, 6])]),
        ("float64", [(1, 6), (7, 5), (8, 6)]),  # oneDNN has no kernels for it
    ],
    ids=["float32", "float64"],
)
def test_separable_layers_and_their_gradients_match_numpy(dtype, sizes, stride, dilation, padding):
    random = np.random.default_rng(0).standard_normal
    for n_frames, n_taps in sizes:
        if padding == "VALID" and (n_taps - 1) * dilation >= n_frames:
            continue
        layer = {"kernel_size": n_taps, "stride": stride, "dilation": dilation, "padding": padding}
        encoder = TDNNEncoder(convnet_layers=[{**layer, "separable": True, "num_channels": 2}])
        model = Image2Label.build(
            encoder, PooledDecoder(), (n_frames, 3), 4, LayerOptions(dtype=dtype)
        )
        depthwise = model.get_layer("tdnn_encoder.conv11.depthwise")
        kernel = depthwise.kernel.value
        where = reference.input_of_tap(n_frames, n_taps, stride, dilation, padding)
        inputs, upstream = (random((2, n, 1, 3)).astype(dtype) for n in (n_frames, len(where)))
        ours = reference.outputs_and_gradients(depthwise, tf.constant(inputs), kernel, upstream)
        theirs = reference.convolve_depthwise(inputs, kernel.numpy(), upstream, where)
        for values, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(values, expected, atol=1e-5, err_msg=str((n_frames, n_taps)))


def test_a_dense_residual_block_adds_the_inputs_of_all_residual_blocks_before_it():
    block = {"kernel_size": 1, "num_channels": 2, "residual": True, "residual_dense": True}
    model = small(
        shape=(4, 2), convnet_layers=[block, block], normalization=None, activation_fn="linear"
    )
    for variable in model.trainable_variables:
        if "tdnn" in variable.path:
            value = np.eye(2) if ".res" in variable.path else np.zeros((2, 2))
            variable.assign(value.reshape(variable.shape))
    x = FEATURES[:, :4, :2]
    hidden = keras.Model(
        model.input,
        [layer for layer in model.layers if isinstance(layer, keras.layers.Add)][-1].output,
    )
    # the first block passes its input x on; the second adds its own input and the first one's
    np.testing.assert_allclose(run(hidden, x, [4, 4])[:, :, 0], x + x, atol=1e-6)


def test_layer_norm_averages_over_frames_and_channels_and_instance_norm_over_frames():
    x = FEATURES.astype(np.float64)
    for kind, axes in (("layer_norm", (1, 2)), ("instance_norm", (1,))):
        model = small(convnet_layers=[{"kernel_size": 1, "num_channels": 3}], normalization=kind)
        model.get_layer("tdnn_encoder.conv11").kernel.assign(np.eye(3)[None, None])
        normalized = keras.Model(model.input, model.get_layer("tdnn_encoder.conv11.bn").output)
        expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True))
        np.testing.assert_allclose(
            run(normalized, FEATURES, [20, 20])[:, :, 0], expected, atol=1e-4
        )


def test_dropout_acts_in_training_only_and_a_layer_can_set_its_own_rate():
    layers = [
        {"kernel_size": 1, "num_channels": 4},
        {"kernel_size": 1, "num_channels": 4, "dropout_keep_prob": 1.0},
    ]
    model = small(convnet_layers=layers, dropout_keep_prob=0.6)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [pytest.approx(0.4)]
    np.testing.assert_array_equal(run(model, FEATURES, [20, 20]), run(model, FEATURES, [20, 20]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel_size": [3, 3]}, "expected k, \\[k\\] or \\[k, 1\\]"),
        ({"residual": True, "stride": 2}, "got stride 2 and padding 'SAME'; use stride 1"),
        ({"residual_dense": True}, "set 'residual': True"),
        ({"stride": 2, "dilation": 3}, "stride 2 and dilation 3 cannot both be above 1"),
        ({"padding": "same"}, "'SAME'"),
    ],
)
def test_layers_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        TDNNEncoder(convnet_layers=[{"kernel_size": 3, "num_channels": 2, **wrong}])


def test_a_decoder_that_does_not_fit_the_encoder_is_refused():
    with pytest.raises(UserError, match="use FullyConnectedSCDecoder or PooledDecoder"):
        small(FullyConnectedDecoder(), convnet_layers=[{"kernel_size": 3, "num_channels": 2}])
    with pytest.raises(UserError, match="outputs one per clip; use FullyConnectedDecoder"):
        Image2Label.build(
            ResNetEncoder(resnet_size=18, num_filters=2),
            PooledDecoder(),
            (32, 32),
            3,
            LayerOptions(),
        )


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooling_with_use_lengths_leaves_padding_frames_out(pooling):
    layers = [{"kernel_size": 1, "num_channels": 3}]
    model = small(
        PooledDecoder(pooling=pooling, use_lengths=True),
        convnet_layers=layers,
        normalization=None,
        activation_fn="linear",
    )
    model.get_layer("tdnn_encoder.conv11").kernel.assign(np.eye(3)[None, None])
    kernel, bias = model.get_layer("fully_connected_decoder.fully_connected").get_weights()
    over_frames = {"mean": np.mean, "max": np.max}[pooling]
    pooled = np.stack([over_frames(FEATURES[0, :7], axis=0), over_frames(FEATURES[1], axis=0)])
    np.testing.assert_allclose(run(model, FEATURES, [7, 20]), pooled @ kernel + bias, atol=1e-5)
