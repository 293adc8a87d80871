"""The contract of all encoders and decoders: one that is added to its package is tested here."""

import numpy as np
import pytest

from open_seq2seq import decoders, encoders
from open_seq2seq.components import Decoder, Encoder, LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import FullyConnectedDecoder, PooledDecoder
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras, tf
from open_seq2seq.network import build_network, output_layer
from open_seq2seq.storage import variables
from open_seq2seq.structs import EncoderOutputs

N_FRAMES, N_FEATURES, N_LABELS = 32, 40, 5
DATA = SpeechCommandsDataLayer(audio_length=N_FRAMES, num_audio_features=N_FEATURES)
# a small network of each class that has parameters without a default, or is large by default
SMALL = {
    "BCResNetEncoder": {"num_blocks": [1, 1, 1, 1]},
    "ResNetEncoder": {"resnet_size": 18, "num_filters": 4, "block_sizes": [1, 1, 1, 1]},
    "TDNNEncoder": {
        "convnet_layers": [
            {"kernel_size": 3, "stride": 2, "num_channels": 8, "separable": True},
            {"kernel_size": 3, "num_channels": 8, "repeat": 2, "residual": True},
        ],
        "use_conv_mask": True,
    },
}


def parts_of(package, base):
    classes = [getattr(package, name) for name in sorted(package.__all__)]
    return [cls for cls in classes if issubclass(cls, base)]


def make(cls):
    return cls(**SMALL.get(cls.__name__, {}))


def decoder_for(encoder):
    """Return a decoder that takes what the encoder gives: a vector a clip, or one a frame."""
    return PooledDecoder() if len(encode(encoder).hidden.shape) == 3 else FullyConnectedDecoder()


def encode(encoder, policy="float32"):
    features, lengths = keras.Input((N_FRAMES, N_FEATURES)), keras.Input((), dtype="int32")
    return encoder.build(features, lengths, LayerOptions(dtype=policy))


def inputs(n=3):
    random = np.random.default_rng(0)
    features = random.standard_normal((n, N_FRAMES, N_FEATURES)).astype(np.float32)
    return {"features": features, "lengths": np.linspace(8, N_FRAMES, n).astype(np.int32)}


every_encoder = pytest.mark.parametrize(
    "cls", parts_of(encoders, Encoder), ids=lambda cls: cls.__name__
)
every_decoder = pytest.mark.parametrize(
    "cls", parts_of(decoders, Decoder), ids=lambda cls: cls.__name__
)


@every_encoder
@pytest.mark.parametrize(
    ("policy", "compute"), [("float32", "float32"), ("mixed_bfloat16", "bfloat16")]
)
def test_an_encoder_gives_a_vector_for_each_clip_or_frame(cls, policy, compute):
    hidden, lengths = encode(make(cls), policy)
    assert len(hidden.shape) in (2, 3) and None not in hidden.shape[1:]
    assert (hidden.shape[0], tuple(lengths.shape)) == (None, (None,))
    assert (hidden.dtype, lengths.dtype) == (compute, "int32")


@every_encoder
def test_lengths_count_frames_of_what_the_encoder_gives(cls):
    features, lengths = keras.Input((N_FRAMES, N_FEATURES)), keras.Input((), dtype="int32")
    encoded = make(cls).build(features, lengths, LayerOptions())
    if len(encoded.hidden.shape) == 2:
        return  # no frames are left
    n_hidden = encoded.hidden.shape[1]
    counted = keras.Model([features, lengths], encoded.lengths + 0)
    values = np.arange(1, N_FRAMES + 1, dtype=np.int32)
    zeros = np.zeros((N_FRAMES, N_FRAMES, N_FEATURES), np.float32)
    after = np.asarray(counted([zeros, values]))
    assert after[-1] == n_hidden  # a clip that fills all frames
    assert after.min() >= 1 and (np.diff(after) >= 0).all()


@every_encoder
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_network_has_float32_weights_with_names_that_do_not_change(cls, policy):
    encoder = make(cls)

    def build():
        options = LayerOptions(dtype=policy)
        return build_network(encoder, decoder_for(encoder), DATA, N_LABELS, options)

    first, second = build(), build()
    names = list(variables.by_name(first.variables))
    assert len(names) == len(first.variables) > 0
    assert names == list(variables.by_name(second.variables))
    assert {weight.dtype for weight in first.trainable_variables} == {"float32"}
    assert first.output.dtype == "float32" and first.output.shape == (None, N_LABELS)


@every_encoder
def test_saved_values_give_the_same_logits_in_another_network(cls):
    encoder = make(cls)
    one, other = (build_network(encoder, decoder_for(encoder), DATA, N_LABELS) for _ in range(2))
    for weight in one.weights:  # the moving statistics too
        weight.assign(weight + 0.1)
    expected = one(inputs(), training=False).numpy()
    assert np.abs(other(inputs(), training=False).numpy() - expected).max() > 1e-3
    variables.assign(other.variables, variables.values_of(one.variables), "model")
    np.testing.assert_array_equal(other(inputs(), training=False).numpy(), expected)


@every_encoder
def test_training_reaches_every_weight_and_inference_takes_each_clip_by_itself(cls):
    encoder = make(cls)
    network = build_network(encoder, decoder_for(encoder), DATA, N_LABELS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(network(inputs(), training=True)))
    trained = [weight.value for weight in network.trainable_variables]
    for weight, gradient in zip(network.weights, tape.gradient(loss, trained), strict=False):
        assert gradient is not None, weight.path
    together = network(inputs(), training=False).numpy()
    for i in range(3):
        alone = {name: values[i : i + 1] for name, values in inputs().items()}
        np.testing.assert_allclose(
            network(alone, training=False).numpy()[0], together[i], atol=1e-4
        )


@every_decoder
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_decoder_gives_float32_logits_and_names_its_output_layer(cls, policy):
    decoder = make(cls)
    n_accepted = 0
    for shape in ((6,), (4, 6)):  # a vector for each clip, or for each of 4 frames
        hidden = keras.Input(shape)
        # of one input: not every Keras takes a model with an input that nothing uses
        lengths = keras.ops.cast(keras.ops.max(hidden, axis=range(1, 1 + len(shape))), "int32")
        encoded = EncoderOutputs(hidden, lengths)
        try:
            logits = decoder.build(encoded, N_LABELS, LayerOptions(dtype=policy))
        except UserError as error:
            assert cls.__name__ in str(error)
            continue
        n_accepted += 1
        assert logits.shape == (None, N_LABELS) and logits.dtype == "float32"
        network = keras.Model(hidden, logits)
        layer = network.get_layer(output_layer(decoder, network))
        assert layer.name == decoder.output_layer
        assert all(weight.shape[-1] == N_LABELS for weight in layer.weights)
    assert n_accepted > 0


@every_decoder
def test_a_decoder_refuses_another_number_of_labels_than_it_says(cls):
    decoder = cls(output_dim=N_LABELS + 1)
    with pytest.raises(UserError, match=f"output_dim: {N_LABELS + 1}, but the data has {N_LABELS}"):
        build_network(make(encoders.ResNetEncoder), decoder, DATA, N_LABELS)


class UnnamedDecoder(Decoder):
    """A user's own, with two layers, that does not say which is the last."""

    def build(self, encoded, n_labels, options):
        hidden = keras.layers.Dense(7, name="mine.hidden")(encoded.hidden)
        return keras.layers.Dense(n_labels, name="mine.last")(hidden)


class WrongDecoder(UnnamedDecoder):
    output_layer = "mine.lost"


def test_the_output_layer_of_a_decoder_that_names_none_is_its_last_with_weights():
    encoder = make(encoders.ResNetEncoder)
    network = build_network(encoder, UnnamedDecoder(), DATA, N_LABELS)
    assert output_layer(UnnamedDecoder(), network) == "mine.last"
    with pytest.raises(UserError, match=r"WrongDecoder says .* 'mine.lost', expected one of"):
        output_layer(WrongDecoder(), network)
