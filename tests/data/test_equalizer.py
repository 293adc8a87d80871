"""The random equalizer: its curve, and what it does to sounds in both engines."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, no_draws, pitch_grid
from open_seq2seq.data.equalizer import equalize, equalizer_weights
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.spectral_engine import SpectralEngine
from tests.support.images import images, int16

RATE, N_BANDS = 16000, 5
ACOUSTICS = Acoustics(eq_db=12.0, eq_bands=N_BANDS)
AUGMENTATION = Augmentation(pitch_shift=2.0, time_stretch=0.0, noise_level_max=None)
FRONT_END = FrontEnd(n_fft=512, hop_length=160, num_audio_features=64, audio_length=101)
GAINS_DB = np.array([6.0, -12.0, 0.0, 12.0, -3.0])
# middles of bands that are equally wide on the mel scale of HTK
MIDDLES_HZ = librosa.mel_to_hz(
    (np.arange(N_BANDS) + 0.5) / N_BANDS * librosa.hz_to_mel(RATE / 2, htk=True), htk=True
)


@pytest.fixture(scope="module", params=[SpectralEngine, LibrosaEngine])
def engine(request):
    return request.param(FRONT_END, AUGMENTATION, ACOUSTICS)


def draws_of(gains_db, semitones=0.0):
    draws = no_draws(AUGMENTATION, len(gains_db), ACOUSTICS)
    pitch = np.searchsorted(pitch_grid(2.0), np.broadcast_to(semitones, len(gains_db)))
    return draws._replace(
        equalizer_db=np.asarray(gains_db, np.float32), pitch=pitch.astype(np.int32)
    )


def test_the_curve_has_each_gain_in_the_middle_of_its_band_and_lies_between_them_elsewhere():
    frequencies_hz = np.linspace(0, 8000, 2001)
    weights = equalizer_weights(frequencies_hz, RATE, N_BANDS)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)
    at_middles = equalizer_weights(MIDDLES_HZ, RATE, N_BANDS) @ GAINS_DB
    np.testing.assert_allclose(at_middles, GAINS_DB, atol=1e-4)
    curve = weights @ GAINS_DB
    for i in range(N_BANDS - 1):
        inside = (frequencies_hz > MIDDLES_HZ[i]) & (frequencies_hz < MIDDLES_HZ[i + 1])
        steps = np.diff(curve[inside]) * np.sign(GAINS_DB[i + 1] - GAINS_DB[i])
        assert (steps > 0).all()
    assert curve[0] == pytest.approx(6.0) and curve[-1] == pytest.approx(-3.0)
    # half a cosine leads from one to the next: halfway on the mel scale it is their mean
    halfway = librosa.mel_to_hz(librosa.hz_to_mel(MIDDLES_HZ[:2], htk=True).mean(), htk=True)
    assert equalizer_weights(np.array([halfway]), RATE, N_BANDS) @ GAINS_DB == pytest.approx(-3.0)


def test_a_waveform_keeps_its_length_and_each_tone_gets_its_gain(tone):
    for middle_hz, gain_db in zip(MIDDLES_HZ, GAINS_DB, strict=True):
        sine = tone(middle_hz)
        equalized = equalize(sine, GAINS_DB, RATE)
        assert equalized.shape == sine.shape
        middle = slice(4000, 12000)
        np.testing.assert_allclose(
            equalized[middle], 10 ** (gain_db / 20) * sine[middle], atol=5e-3
        )
    sine = tone(1000.0)
    np.testing.assert_allclose(equalize(sine, np.full(3, 6.0), RATE), 10**0.3 * sine, atol=1e-6)


def test_tones_get_the_gain_of_the_frequency_at_which_they_are_heard(engine, tone):
    clips, gains, semitones = [], [], []
    for middle_hz in MIDDLES_HZ[1:4]:
        for n in (-2.0, 0.0, 2.0):
            # the pitch is shifted before the equalizer
            clips.append(int16(tone(middle_hz * 2 ** (-n / 12), amplitude=0.2)))
            semitones.append(n)
    flat = images(engine, clips, draws_of(np.zeros((len(clips), N_BANDS)), semitones))
    gains = images(engine, clips, draws_of(np.tile(GAINS_DB, (len(clips), 1)), semitones))
    frames = slice(40, 60)
    power, equalized = (
        np.exp(image[:, frames]).sum(axis=2).mean(axis=1) for image in (flat, gains)
    )
    np.testing.assert_allclose(
        10 * np.log10(equalized / power), np.repeat(GAINS_DB[1:4], 3), atol=0.25
    )


def test_a_flat_curve_is_a_gain_and_both_engines_agree_on_any(engine):
    white = np.random.default_rng(0).standard_normal(RATE)
    clip = int16(0.1 * white)
    plain, louder, curved = images(
        engine, [clip] * 3, draws_of([[0.0] * N_BANDS, [6.0] * N_BANDS, GAINS_DB])
    )
    np.testing.assert_allclose(louder - plain, 0.6 * np.log(10), atol=1e-3)
    # by NumPy: the spectrum of the whole clip times the curve
    frequencies_hz = np.fft.rfftfreq(RATE, 1 / RATE)
    curve_db = np.interp(
        librosa.hz_to_mel(frequencies_hz, htk=True),
        *_fine_curve(),
    )
    filtered = np.fft.irfft(np.fft.rfft(clip / 32768.0) * 10 ** (curve_db / 20))
    mel = librosa.feature.melspectrogram(
        y=filtered,
        sr=RATE,
        n_fft=512,
        hop_length=160,
        n_mels=64,
        htk=True,
        norm=None,
        pad_mode="constant",
    )
    # a frame's spectrum times the curve is not quite the filter: 0.3 dB of noise where it is steep
    difference = curved[5:-5] - np.log(mel).T[5:-5]
    assert np.abs(difference).mean() < 0.05 and abs(difference.mean()) < 0.01


def _fine_curve():
    """Mel and dB of the curve: half cosines between the middles of the bands."""
    mel = np.linspace(0, librosa.hz_to_mel(RATE / 2, htk=True), 4001)
    place = np.clip(mel / mel[-1] * N_BANDS - 0.5, 0, N_BANDS - 1)
    left = np.minimum(place.astype(int), N_BANDS - 2)
    share = 0.5 - 0.5 * np.cos(np.pi * (place - left))
    return mel, GAINS_DB[left] * (1 - share) + GAINS_DB[left + 1] * share


def test_mfcc_are_of_the_equalized_spectrum_too():
    front_end = FrontEnd(
        features="mfcc", n_fft=512, hop_length=160, num_audio_features=40, audio_length=101
    )
    clip = int16(0.1 * np.random.default_rng(0).standard_normal(RATE))
    draws = draws_of([[6.0] * N_BANDS])._replace(pitch=np.zeros(1, np.int32))
    still = Augmentation(pitch_shift=0.0, time_stretch=0.0, noise_level_max=None)
    for kind in (SpectralEngine, LibrosaEngine):
        engine = kind(front_end, still, ACOUSTICS)
        flat = draws._replace(equalizer_db=np.zeros((1, N_BANDS), np.float32))
        difference = images(engine, [clip], draws)[0] - images(engine, [clip], flat)[0]
        # the first coefficient of an orthonormal cosine transform is sqrt(n) times the mean
        np.testing.assert_allclose(difference[:, 0], np.sqrt(40) * 0.6 * np.log(10), rtol=2e-3)
        np.testing.assert_allclose(difference[:, 1:], 0.0, atol=0.02)
