"""Gain, and clipping at full scale, in both engines."""

from __future__ import annotations

import numpy as np
import pytest

from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import NO_AUGMENTATION, Augmentation, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.spectral_engine import SpectralEngine
from tests.support.images import CLOSE, images, int16, reference

ACOUSTICS = Acoustics(gain_db_min=-20.0, gain_db_max=20.0, clip_prob=0.5)
FRONT_END = FrontEnd(n_fft=512, hop_length=160, num_audio_features=40, audio_length=101)


@pytest.fixture(scope="module", params=[SpectralEngine, LibrosaEngine])
def engine(request):
    return request.param(FRONT_END, NO_AUGMENTATION, ACOUSTICS)


def draws_of(n, **values):
    draws = no_draws(NO_AUGMENTATION, n, ACOUSTICS)
    return draws._replace(**{name: np.float32(value) for name, value in values.items()})


def expected(waveform):
    """The image by librosa of a float waveform, 1 is full scale."""
    return reference(waveform * 32768.0, FRONT_END)


def test_a_gain_scales_the_clip_and_lifts_no_peak_above_full_scale(engine, tone):
    clip = int16(tone(700.0, amplitude=0.25))
    peak = np.abs(clip).max() / 32768.0
    by_gain = images(engine, [clip] * 3, draws_of(3, gain=[0.1, 2.0, 10.0]))
    for image, factor in zip(by_gain, [0.1, 2.0, 1 / peak], strict=True):
        np.testing.assert_allclose(image, expected(clip / 32768.0 * factor), atol=CLOSE)


@pytest.mark.parametrize("overdrive_db", [0.0, 6.0, 12.0])
@pytest.mark.parametrize("amplitude", [0.02, 0.9])
def test_a_clip_is_driven_so_far_above_full_scale_and_cut_there(
    engine, tone, overdrive_db, amplitude
):
    drive = 10 ** (overdrive_db / 20)
    clip = int16(tone(700.0, amplitude=amplitude))
    # the gain of a clip that is cut off does not matter
    (image,) = images(engine, [clip], draws_of(1, gain=[0.3], overdrive=[drive]))
    waveform = np.clip(drive * clip / np.abs(clip).max(), -1, 1)
    # between a tone's harmonics there is little but rounding: compared where there is sound
    wanted = expected(waveform)
    audible = wanted > wanted.max() - np.log(1e6)
    np.testing.assert_allclose(image[audible], wanted[audible], atol=0.02)
    if overdrive_db:
        # Fourier: a sine of amplitude a cut off at 1 has the fundamental
        # 2/pi (a arcsin(1/a) + sqrt(1 - 1/a^2))
        fundamental = 2 / np.pi * (drive * np.arcsin(1 / drive) + np.sqrt(1 - drive**-2))
        band = wanted[50].argmax()
        whole = expected(tone(700.0, amplitude=1.0))[50, band]
        assert image[50, band] - whole == pytest.approx(2 * np.log(fundamental), abs=0.02)


def test_silence_stays_silence(engine):
    silence = [np.zeros(16000, np.int16)] * 2
    quiet = images(engine, silence, draws_of(2, gain=[10.0, 1.0], overdrive=[0.0, 4.0]))
    np.testing.assert_allclose(quiet, np.log(1e-5), atol=1e-5)


@pytest.mark.parametrize("kind", [SpectralEngine, LibrosaEngine])
def test_recorded_noise_is_scaled_and_cut_with_the_clip_and_hiss_is_added_after(kind, tone):
    """Order: the clip, recorded noise, gain or clipping, hiss."""
    augmentation = Augmentation(pitch_shift=0.0, time_stretch=0.0)
    hum = tone(1500.0, seconds=4.0, amplitude=0.5).astype(np.float32).reshape(-1, 160)
    engine = kind(FRONT_END, augmentation, ACOUSTICS, background=hum)
    clip = int16(tone(700.0, amplitude=0.5))
    draws = draws_of(
        2, background_gain=[0.4, 0.4], gain=[0.5, 1.0], overdrive=[0.0, 2.0], noise_gain=[0, 0]
    )
    together = clip / 32768.0 + 0.4 * hum.reshape(-1)[: len(clip)]
    quieter, cut = images(engine, [clip] * 2, draws)
    for image, waveform in (
        (quieter, 0.5 * together),
        (cut, np.clip(2 * together / np.abs(together).max(), -1, 1)),
    ):
        wanted = expected(waveform)
        audible = wanted > wanted.max() - np.log(1e6)
        np.testing.assert_allclose(image[audible], wanted[audible], atol=0.02)
    # hiss of a level in dB of full scale has it whatever the gain: sigma^2 sum(window^2) a bin
    silence = [np.zeros(16000, np.int16)] * 2
    hissing = draws_of(2, gain=[0.1, 1.0], overdrive=[0.0, 4.0], noise_gain=[0.01, 0.01])
    power = np.exp(images(engine, silence, hissing)[:, 5:-5]).mean(axis=(1, 2))
    np.testing.assert_allclose(power[0], power[1], rtol=1e-4)
