"""Generated noises: RMS and spectra."""

from __future__ import annotations

import numpy as np
import pytest

from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, coloured, mains_hum, make_noise

TALKERS = [np.sin(np.arange(n) / 7.0) for n in (9000, 31000)]


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("n_samples", [8001, 16000])
def test_every_kind_has_unit_rms(kind: str, n_samples: int) -> None:
    noise = make_noise(kind, np.random.default_rng(0), n_samples, TALKERS)
    assert noise.shape == (n_samples,)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_coloured_noise_falls_with_frequency(exponent: int) -> None:
    power = np.abs(np.fft.rfft(coloured(np.random.default_rng(1), 10 * SAMPLE_RATE, exponent))) ** 2
    frequency_hz = np.fft.rfftfreq(10 * SAMPLE_RATE, 1 / SAMPLE_RATE)
    low, high = (
        power[(frequency_hz > f) & (frequency_hz < 1.1 * f)].mean() for f in (200.0, 3200.0)
    )
    # four octaves: 10 log10(2**4) = 12.04 dB for each power of 1/f
    assert 10 * np.log10(low / high) == pytest.approx(12.04 * exponent, abs=1.0)


def test_mains_hum_is_harmonic() -> None:
    hum = mains_hum(np.random.default_rng(2), SAMPLE_RATE)
    spectrum = np.abs(np.fft.rfft(hum * np.hanning(SAMPLE_RATE)))
    strongest_hz = np.argmax(spectrum)  # one second, so a bin is 1 Hz
    remainder = min(min(strongest_hz % base, -strongest_hz % base) for base in (50, 60))
    assert remainder <= 2
