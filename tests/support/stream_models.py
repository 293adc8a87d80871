"""Networks of random weights that hear a stream, and their features by librosa."""

import librosa
import numpy as np

from open_seq2seq.components import LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import FullyConnectedDecoder, PooledDecoder
from open_seq2seq.encoders import BCResNetEncoder, TDNNEncoder
from open_seq2seq.lazy import keras
from open_seq2seq.network import build_network
from open_seq2seq.pretrained import PretrainedModel

RATE, HOP, N_FFT = 16000, 160, 512
N_MFCC, N_MELS = 16, 24
LABELS = ("a", "b", "c")
LAYERS = [
    {"kernel_size": 5, "num_channels": 12, "separable": True},
    {"kernel_size": 7, "num_channels": 8, "separable": True, "repeat": 2, "residual": True},
    {"kernel_size": 4, "num_channels": 8, "residual": True},
    {"kernel_size": 9, "num_channels": 10, "separable": True, "dilation": 2},
    {"kernel_size": 1, "num_channels": 6},
]
LOOK_AHEAD = 2 + (3 + 3) + 2 + 8
FIELD = 1 + 4 + (6 + 6) + 3 + 16


def layer_of(**params):
    mfcc = {"features": "mfcc", "num_audio_features": N_MFCC, "num_mels": N_MELS}
    frames = {"n_fft": N_FFT, "win_length": 400, "hop_length": HOP, "audio_length": 128}
    return SpeechCommandsDataLayer(**{**mfcc, **frames, **params})


def make_model(layers=LAYERS, decoder=None, audio_length=128, merged=None, **params):
    """A model with random weights and statistics."""
    encoder = TDNNEncoder(convnet_layers=layers, **params)
    decoder = decoder or PooledDecoder()
    layer = layer_of(audio_length=audio_length)
    network = build_network(encoder, decoder, layer, len(LABELS), merged=merged)
    random = np.random.default_rng(0)
    for variable in network.variables:
        if "moving" in variable.path or "gamma" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return PretrainedModel(network, layer, LABELS, encoder=encoder, decoder=decoder)


def make_bc_resnet(n_features, merged=None):
    """The same of a BC-ResNet with fewer blocks."""
    encoder, decoder = BCResNetEncoder(num_blocks=[1, 2, 1, 1]), FullyConnectedDecoder()
    layer = layer_of(features="log_mel", num_audio_features=n_features, num_mels=None)
    network = build_network(encoder, decoder, layer, len(LABELS), merged=merged)
    random = np.random.default_rng(0)
    for variable in network.variables:
        if any(name in variable.path for name in ("moving", "gamma", "beta")):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return PretrainedModel(network, layer, LABELS, encoder=encoder, decoder=decoder)


def features_of_librosa(samples, n_mels=N_MELS, is_mfcc=True):
    mel = librosa.feature.melspectrogram(
        y=samples.astype(np.float32) / 32768,
        sr=RATE,
        n_fft=N_FFT,
        win_length=400,
        hop_length=HOP,
        center=False,
        n_mels=n_mels,
        htk=True,
        norm=None,
    )
    if not is_mfcc:
        return np.log(np.maximum(mel, 1e-5)).T
    return librosa.feature.mfcc(S=np.log(mel + 1e-6), n_mfcc=N_MFCC, dct_type=2, norm="ortho").T


def hidden_of_the_whole(model, features):
    """The encoder's outputs for all frames at once, by Keras, [frames, channels]."""
    inputs = keras.Input(features.shape)
    lengths = keras.Input((), dtype="int32")
    hidden, _ = model.encoder.build(inputs, lengths, LayerOptions())
    network = keras.Model([inputs, lengths], hidden)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(model.network.get_layer(layer.name).get_weights())
    return network([features[None], np.array([len(features)])], training=False).numpy()[0]
