"""Noise of a colour: its slope and level, and its way into images."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.noise import noise_table, noise_tables
from open_seq2seq.data.spectral_engine import SpectralEngine
from tests.support.images import CLOSE, images

RATE = 16000
ACOUSTICS = Acoustics(noise_colour_min=0.0, noise_colour_max=2.0)
FRONT_END = FrontEnd(n_fft=512, hop_length=160, num_audio_features=40, audio_length=101)


def test_power_falls_with_frequency_by_the_exponent_at_the_same_level():
    exponents = np.array([0.0, 0.5, 1.0, 2.0])
    tables = noise_tables(160, 0, exponents, RATE)
    assert tables.shape == (4, 2**21 // 160, 160) and tables.dtype == np.float32
    np.testing.assert_array_equal(tables[0], noise_table(160, 0))  # white is as it ever was
    for table, exponent in zip(tables, exponents, strict=True):
        noise = table.reshape(-1).astype(np.float64)
        assert noise.std() == pytest.approx(1.0, rel=5e-3)
        power = np.abs(np.fft.rfft(noise)) ** 2
        hz = np.fft.rfftfreq(len(noise), 1 / RATE)
        octaves = 40.0 * 2.0 ** np.arange(7)
        levels = [power[(hz >= low) & (hz < 2 * low)].mean() for low in octaves]
        slope, _ = np.polyfit(np.log(octaves), np.log(levels), 1)
        assert slope == pytest.approx(-exponent, abs=0.03)
        if exponent:
            # no drift below what can be heard
            assert power[hz < 19.9].sum() < 1e-6 * power.sum()


PITCHED = Augmentation(
    pitch_shift=2.0, time_stretch=0.0, noise_level_min=-60.0, noise_level_max=-30.0
)


@pytest.fixture(scope="module")
def pitching():
    return SpectralEngine(FRONT_END, PITCHED, ACOUSTICS)


@pytest.mark.parametrize("colour", [0, 2, 4])
def test_images_hear_the_colour_at_its_level_at_every_pitch(pitching, colour):
    """Noise of power c / f^e in a bin has that power times sum(window^2) in expectation."""
    n_clips, exponent = 16, ACOUSTICS.colours[colour]
    hz = np.fft.rfftfreq(512, 1 / RATE)
    above = np.fft.rfftfreq(2**21, 1 / RATE)
    shape = np.where(hz >= 20.0, np.maximum(hz, 20.0) ** -exponent, 0.0)
    total = np.sum(np.where(above >= 20.0, np.maximum(above, 20.0) ** -exponent, 0.0)) / 2**20
    gain = 10 ** (-30 / 20)
    window = librosa.filters.get_window("hann", 512)
    filters = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=40, htk=True, norm=None)
    expected = gain**2 * np.square(window).sum() * (filters @ shape) / total
    draws = no_draws(PITCHED, n_clips, ACOUSTICS)._replace(
        noise_gain=np.full(n_clips, gain, np.float32),
        noise_colour=np.full(n_clips, colour, np.int32),
        noise_start=np.linspace(0, 0.99, n_clips, dtype=np.float32),
    )
    silence = [np.zeros(RATE, np.int16)] * n_clips
    for pitch in (0, 16, 32):
        drawn = draws._replace(pitch=np.full(n_clips, pitch, np.int32))
        mel = np.exp(images(pitching, silence, drawn)[:, 5:-5].astype(np.float64)).mean(axis=(0, 1))
        # above the lowest bands, where a steep slope leaks through the window, and below the
        # highest ones, which noise of a lower pitch no longer fills
        np.testing.assert_allclose(mel[6:32], expected[6:32], rtol=0.25)
        assert np.log(mel[6:32] / expected[6:32]).mean() == pytest.approx(0.0, abs=0.05)


def test_both_engines_take_the_same_stretch_of_the_same_colour():
    augmentation = Augmentation(
        pitch_shift=0.0, time_stretch=0.0, noise_level_min=-60.0, noise_level_max=-30.0
    )
    draws = no_draws(augmentation, 3, ACOUSTICS)._replace(
        noise_gain=np.float32([0.01, 0.01, 0.01]),
        noise_colour=np.int32([0, 3, 4]),
        noise_start=np.float32([0.3, 0.3, 0.9999]),  # the last one runs over the end
    )
    silence = [np.zeros(RATE, np.int16)] * 3
    spectral, by_librosa = (
        images(kind(FRONT_END, augmentation, ACOUSTICS, seed=5), silence, draws)
        for kind in (SpectralEngine, LibrosaEngine)
    )
    np.testing.assert_allclose(spectral, by_librosa, atol=20 * CLOSE)
    assert np.abs(spectral[0] - spectral[1]).max() > 1
