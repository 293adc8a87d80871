"""MFCC against the original's arrays, against SciPy's cosine transform, and the two engines against
each other.
"""

import librosa
import numpy as np
import pytest
import scipy.fft
import tensorflow as tf

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation, Draws, no_draws
from open_seq2seq.data.features import dct_matrix, mel_filter_bank
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.samples import reflect_after_end
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.structs import Clips
from tests.support import parity

MATCHBOXNET = FrontEnd(
    features="mfcc",
    num_audio_features=64,
    n_fft=512,
    win_length=400,
    hop_length=160,
    audio_length=101,
    frame_padding="reflect",
    pad_value=0.0,
)


def matchboxnet(**changes):
    return FrontEnd(**dict(MATCHBOXNET) | changes)


def by_librosa(front_end, clips):
    drawn = no_draws(NO_AUGMENTATION, len(clips))
    engine = LibrosaEngine(front_end)
    return np.stack(
        [engine.features(clip, Draws(*row)) for clip, *row in zip(clips, *drawn, strict=True)]
    )


def by_spectral(front_end, clips):
    drawn = no_draws(NO_AUGMENTATION, len(clips))
    engine = SpectralEngine(front_end)
    n_samples = engine.extent.n_samples
    waveforms = np.stack([np.pad(clip, (0, n_samples - len(clip))) for clip in clips])
    lengths = np.array([len(clip) for clip in clips], np.int32)
    if front_end.frame_padding == "reflect":
        reflect_after_end(waveforms, lengths, front_end.n_fft // 2)
    clips = Clips(*map(tf.constant, Clips.of(waveforms, lengths, drawn)))
    return engine.features(clips).numpy()


ENGINES = pytest.mark.parametrize("features", [by_spectral, by_librosa])


@pytest.fixture(scope="module")
def original():
    return parity.load("matchboxnet_3x1x64.npz")[0]


def noise(n_samples, seed=0):
    return np.random.default_rng(seed).integers(-8000, 8000, n_samples).astype(np.int16)


@ENGINES
@pytest.mark.parametrize("ending", ["", "_short"])
def test_mfcc_are_those_that_the_original_takes(original, features, ending):
    """The original's waveforms are not in steps of 1/32768: they go in as they are, times 32768."""
    clips, expected = original["wave"] * 32768, original[f"wave_mfcc{ending}"].transpose(0, 2, 1)
    assert np.abs(features(MATCHBOXNET, clips) - expected).max() <= 1e-3 * np.abs(expected).max()


@ENGINES
def test_padded_mfcc_are_the_recipes(original, features):
    """101 frames in the middle of 128: 13 zeros before, 14 after."""
    images = features(matchboxnet(audio_length=128), original["wave"] * 32768)
    assert (
        not images[:, :13].any()
        and not images[:, -14:].any()
        and images[:, 13].any()
        and images[:, -15].any()
    )
    expected = original["wave_padded"].transpose(0, 2, 1)
    assert np.abs(images - expected).max() <= 1e-3 * np.abs(expected).max()


def test_filters_and_cosines_are_torchaudios(original):
    np.testing.assert_allclose(mel_filter_bank(16000, 512, 64), original["mel_fb"], atol=1e-5)
    np.testing.assert_allclose(dct_matrix(64, 64), original["dct"], atol=1e-5)


def test_the_cosine_transform_is_scipys():
    log_mel = np.random.default_rng(0).standard_normal((5, 40))
    np.testing.assert_allclose(
        log_mel @ dct_matrix(40, 13), scipy.fft.dct(log_mel, norm="ortho")[:, :13], atol=1e-5
    )


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("n_samples", [16000, 15999, 9000, 700])
@pytest.mark.parametrize("n_mfcc", [None, 20])
def test_frames_at_the_ends_see_the_clip_mirrored(n_samples, n_mfcc):
    """By hand: the power of windowed frames of a waveform that NumPy has padded."""
    if n_mfcc is None:
        kind = {"features": "log_mel"}
    else:
        kind = {"num_audio_features": n_mfcc, "num_mels": 64}
    params = matchboxnet(audio_length=n_samples // 160 + 1, **kind)
    clip = noise(n_samples)
    padded = np.pad(clip / 32768.0, 256, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::160]
    window = np.pad(scipy.signal.get_window("hann", 400), 56)
    mel = (
        np.abs(np.fft.rfft(frames * window)) ** 2
        @ librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, htk=True, norm=None).T
    )
    if n_mfcc is None:
        expected = np.log(np.maximum(mel, 1e-5))
    else:
        expected = scipy.fft.dct(np.log(mel + 1e-6), norm="ortho")[:, :n_mfcc]
    for features in (by_spectral, by_librosa):
        np.testing.assert_allclose(features(params, [clip])[0], expected, atol=2e-3)


def test_noise_goes_on_where_the_clip_is_mirrored():
    """Of silence with noise, the last frames are as loud as the others: the mirrored part has noise
    too.
    """
    augmentation = Augmentation(
        pitch_shift=0.0, time_stretch=0.0, noise_level_min=-40.0, noise_level_max=-40.0
    )
    engine = SpectralEngine(matchboxnet(features="log_mel"), augmentation)
    waveforms = np.zeros((1, engine.extent.n_samples), np.int16)
    drawn = no_draws(augmentation, 1)._replace(noise_gain=np.array([0.01], np.float32))
    clips = Clips.of(waveforms, np.array([16000], np.int32), drawn)
    log_mel = engine.features(Clips(*map(tf.constant, clips))).numpy()[0]
    assert np.abs(log_mel[[0, -1]].mean(axis=1) - log_mel[5:-5].mean()).max() < 0.5


def test_the_data_layer_makes_mfcc_and_says_how_long_clips_are(write_manifest):
    manifest = write_manifest([0, 0], [noise(16000) / 32768, noise(8000) / 32768])
    layer = SpeechCommandsDataLayer(
        dataset_files=[str(manifest)],
        features="mfcc",
        num_audio_features=20,
        num_mels=40,
        n_fft=512,
        hop_length=160,
        audio_length=120,
        pad_side="end",
        frame_padding="reflect",
    )
    dataset = layer.open(training=False, seed=0)
    from open_seq2seq.data.sampler import Sampler

    ((batch,),) = dataset.batches(Sampler(2, 2).in_order())
    assert batch.features.shape == (2, 120, 20)
    assert batch.lengths.numpy().tolist() == [101, 51]
    assert not batch.features[1, 51:].numpy().any() and batch.features[1, 50].numpy().any()
