"""Generators of background noise: coloured noise, hum, fan, drops and babble, float64 of RMS 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

SAMPLE_RATE = 16000
_LOWEST_HZ = 20.0  # coloured noise is flat below, so that brown noise is not all rumble


def coloured(rng: np.random.Generator, n_samples: int, exponent: float) -> np.ndarray:
    """Return Gaussian noise whose power falls as 1/f**exponent: 0 is white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    spectrum *= np.maximum(frequency_hz, _LOWEST_HZ) ** (-exponent / 2)
    spectrum[0] = 0
    return to_unit_rms(np.fft.irfft(spectrum, n_samples))


def white(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return white noise."""
    return coloured(rng, n_samples, 0)


def pink(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return pink noise, 1/f."""
    return coloured(rng, n_samples, 1)


def brown(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return brown noise, 1/f**2."""
    return coloured(rng, n_samples, 2)


def mains_hum(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return the hum of a 50 or 60 Hz mains supply with its harmonics, over faint pink noise."""
    seconds = np.arange(n_samples) / SAMPLE_RATE
    fundamental_hz = rng.choice([50.0, 60.0]) * rng.uniform(0.998, 1.002)
    harmonics = np.arange(1, 21)
    amplitudes = rng.uniform(0.1, 1.0, len(harmonics)) / harmonics**0.7
    phases = rng.uniform(0, 2 * np.pi, len(harmonics))
    # the powers of a phasor are its harmonics; a polynomial is three times faster than 20 sines
    phasor = np.exp(2j * np.pi * fundamental_hz * seconds)
    hum = np.polynomial.polynomial.polyval(
        phasor, np.concatenate([[0], amplitudes * np.exp(1j * phases)])
    ).real
    return to_unit_rms(to_unit_rms(hum) + 0.1 * pink(rng, n_samples))


def fan(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return a fan: low noise modulated at the blade rate, and the harmonics of that rate."""
    seconds = np.arange(n_samples) / SAMPLE_RATE
    blades_hz = rng.uniform(12.0, 45.0)
    phase = 2 * np.pi * (blades_hz * seconds + rng.random())
    swell = 1 + rng.uniform(0.2, 0.7) * np.sin(phase)
    tones = sum(rng.uniform(0.1, 0.4) / order * np.sin(order * phase) for order in range(2, 12))
    return to_unit_rms(swell * coloured(rng, n_samples, 1.5) + tones)


def dripping_tap(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Return drops and clicks: short decaying tones at random times, over faint pink noise."""
    drops = np.zeros(n_samples)
    for start in rng.integers(n_samples, size=1 + rng.poisson(6 * n_samples / SAMPLE_RATE)):
        decay_s = 10 ** rng.uniform(-3.0, -1.5)  # from a click of 1 ms to a drop of 30 ms
        seconds = np.arange(min(n_samples - start, int(6 * decay_s * SAMPLE_RATE))) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * rng.uniform(600, 5000) * seconds)
        drops[start : start + len(seconds)] += rng.lognormal() * tone * np.exp(-seconds / decay_s)
    return to_unit_rms(to_unit_rms(drops) + 0.2 * pink(rng, n_samples))


def babble(
    rng: np.random.Generator, n_samples: int, talkers: Sequence[np.ndarray], n_voices: int = 6
) -> np.ndarray:
    """Return ``n_voices`` people talking at once, each a sequence of random sentences.

    Args:
        rng: draws sentences, starts and levels.
        n_samples: length of the noise.
        talkers: sentences at 16 kHz.
        n_voices: number of people.
    """
    mixture = np.zeros(n_samples)
    for _ in range(n_voices):
        sentence = talkers[int(rng.integers(len(talkers)))]
        sentences = [sentence[int(rng.integers(len(sentence))) :]]  # start inside a sentence
        while sum(map(len, sentences)) < n_samples:
            sentences.append(talkers[int(rng.integers(len(talkers)))])
        voice = np.concatenate(sentences)[:n_samples]
        mixture += rng.uniform(0.4, 1.0) * to_unit_rms(voice)
    return to_unit_rms(mixture)


def to_unit_rms(samples: np.ndarray) -> np.ndarray:
    """Return ``samples`` scaled to RMS 1; digital silence is not scaled."""
    rms = np.sqrt(np.mean(np.square(samples)))
    if rms > 0:
        return samples / rms
    return samples


_KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "white_noise": white,
    "pink_noise": pink,
    "brown_noise": brown,
    "mains_hum": mains_hum,
    "fan": fan,
    "dripping_tap": dripping_tap,
}

NOISE_KINDS = (*_KINDS, "babble")


def make_noise(
    kind: str, rng: np.random.Generator, n_samples: int, talkers: Sequence[np.ndarray]
) -> np.ndarray:
    """Return ``n_samples`` of a kind of `NOISE_KINDS`.

    Args:
        kind: one of `NOISE_KINDS`.
        rng: draws the noise.
        n_samples: length of the noise.
        talkers: sentences at 16 kHz, used for babble.
    """
    if kind == "babble":
        return babble(rng, n_samples, talkers)
    return _KINDS[kind](rng, n_samples)
