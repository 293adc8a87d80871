"""The front end of exported models against librosa's, and layers in plain form."""

import numpy as np
import pytest

from open_seq2seq.components import LayerOptions
from open_seq2seq.data.augment import NO_AUGMENTATION, Draws, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.encoders import BCResNetEncoder, ResNetEncoder, TDNNEncoder
from open_seq2seq.exporting.clips import fit
from open_seq2seq.exporting.front_end import ClipFrontEnd
from open_seq2seq.layers.plain import plain_operations
from open_seq2seq.lazy import keras

FRONT_ENDS = {
    "log-mel": {},
    "log-mel, padded at the end": {"audio_length": 150, "pad_side": "end"},
    "log-mel, few bands": {"num_audio_features": 5, "n_fft": 256, "hop_length": 160},
    "log-mel from 300 Hz on": {"num_audio_features": 40, "fmin": 300.0, "fmax": 7000.0},
    "MFCC": {
        **{"features": "mfcc", "num_audio_features": 20, "num_mels": 40},
        **{"n_fft": 512, "win_length": 400, "hop_length": 160, "frame_padding": "reflect"},
    },
}


@pytest.mark.parametrize("n_samples", [16000, 9001])
@pytest.mark.parametrize("spectrum", ["fft", "dft"])
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_features_are_those_of_librosa(name, spectrum, n_samples):
    front_end = FrontEnd(**FRONT_ENDS[name])
    random = np.random.default_rng(0)
    waveforms = random.integers(-8000, 8000, (2, n_samples), np.int16)
    engine = LibrosaEngine(front_end, NO_AUGMENTATION)
    draws = [Draws(*values) for values in zip(*no_draws(NO_AUGMENTATION, 2), strict=True)]
    expected = [engine.features(*each) for each in zip(waveforms, draws, strict=True)]
    inputs = (waveforms / 32768).astype(np.float32)
    images = ClipFrontEnd(front_end, n_samples, spectrum)(inputs).numpy()
    np.testing.assert_allclose(images, np.stack(expected), atol=2e-3)


ENCODERS = {
    "ResNet": (ResNetEncoder(resnet_size=18, num_filters=4), (32, 32)),
    "BC-ResNet": (BCResNetEncoder(), (101, 40)),
    "TDNN": (
        TDNNEncoder(
            convnet_layers=[
                {"kernel_size": 5, "num_channels": 8, "stride": 2},
                {"kernel_size": 7, "num_channels": 8, "dilation": 2, "separable": True},
                {"kernel_size": 1, "num_channels": 8, "residual": True},
            ]
        ),
        (50, 10),
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_layers_compute_the_same_in_plain_form(name):
    encoder, shape = ENCODERS[name]
    features = keras.Input(shape)
    lengths = keras.Input((), dtype="int32")
    hidden, _ = encoder.build(features, lengths, LayerOptions())
    network = keras.Model([features, lengths], hidden)
    random = np.random.default_rng(0)
    for variable in network.variables:
        spread = random.uniform(0.5, 1.0, variable.shape)
        variable.assign(variable.numpy() + 0.1 * spread)
    x = random.standard_normal((3, *shape)).astype(np.float32)
    n_frames = np.full(3, shape[0], np.int32)
    expected = network([x, n_frames], training=False).numpy()
    with plain_operations():
        plain = network([x, n_frames], training=False).numpy()
    np.testing.assert_allclose(plain, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("audio_length", [60, 128, 200])
@pytest.mark.parametrize("n_clip", [7000, 15900, 16000, 20000])
def test_a_clip_of_another_length_keeps_its_place_in_the_image(n_clip, audio_length):
    """A click is in the same frame of both images."""
    front_end = FrontEnd(audio_length=audio_length, n_fft=256)
    clip = np.zeros(n_clip, np.int16)
    clip[n_clip // 2] = 30000
    fitted = fit(clip, 16000, front_end)
    assert len(fitted) == 16000
    engine = LibrosaEngine(front_end, NO_AUGMENTATION)
    (draws,) = (Draws(*values) for values in zip(*no_draws(NO_AUGMENTATION, 1), strict=True))
    expected = engine.features(clip, draws)
    image = ClipFrontEnd(front_end, 16000)((fitted[None] / 32768).astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(image, expected, atol=2e-3)
