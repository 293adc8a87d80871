"""Simulated recording of a word: room, onset, background noise, microphone and level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, make_noise

CLIP_SAMPLES = SAMPLE_RATE  # one second

SPEECH_FRACTION = 0.85  # of a clip, at most
SNR_DB = (10.0, 30.0)
PEAK_DBFS = (-35.0, -8.0, -3.0)  # lowest, most frequent, highest
SHORT_PROBABILITY = 0.1  # of a clip of less than a second; 11 % in the real dataset
CUT_PROBABILITY = 0.1  # of a clip that cuts the word at an edge
MAX_CUT_FRACTION = 0.12  # of the word


def record(
    speech: np.ndarray,
    rng: np.random.Generator,
    talkers: Sequence[np.ndarray],
    clip_samples: int = CLIP_SAMPLES,
    may_cut: bool = True,
) -> np.ndarray:
    """Return a clip of ``speech``, int16 at 16 kHz and of at most ``clip_samples``.

    The signal-to-noise ratio is drawn from `SNR_DB` (power over the word, before the microphone),
    the peak level from `PEAK_DBFS`.

    Args:
        speech: a word, float at 16 kHz.
        rng: draws everything that is random.
        talkers: sentences for babble noise, at 16 kHz.
        clip_samples: length of a clip, but of the short ones.
        may_cut: whether a clip may cut the word at an edge.
    """
    n_samples = draw_length(len(speech), rng, clip_samples)
    onset = draw_onset(len(speech), n_samples, rng, CUT_PROBABILITY if may_cut else 0.0)
    clip = insert(add_room(speech, rng), onset, n_samples)
    noise = make_noise(NOISE_KINDS[int(rng.integers(len(NOISE_KINDS)))], rng, n_samples, talkers)
    speech_rms = np.sqrt(np.mean(np.square(speech)))
    clip += noise * speech_rms * 10 ** (-rng.uniform(*SNR_DB) / 20)
    return to_pcm16(filter_by_microphone(clip, rng), rng.triangular(*PEAK_DBFS))


def draw_length(n_speech: int, rng: np.random.Generator, clip_samples: int = CLIP_SAMPLES) -> int:
    """Return a clip's length in samples: ``clip_samples``, or with `SHORT_PROBABILITY` less.

    A short clip has at least half of them, and the whole word.
    """
    shortest = max(clip_samples // 2, n_speech)
    if rng.random() >= SHORT_PROBABILITY or shortest >= clip_samples:
        return clip_samples
    return int(rng.integers(shortest, clip_samples))


def draw_onset(
    n_speech: int,
    n_samples: int,
    rng: np.random.Generator,
    cut_probability: float = CUT_PROBABILITY,
) -> int:
    """Return the sample at which the word begins: anywhere it fits.

    With ``cut_probability``, up to `MAX_CUT_FRACTION` of the word is beyond an edge of the clip.
    """
    slack = n_samples - n_speech
    if slack < 0:  # the word is longer than the clip
        return int(rng.integers(slack, 1))
    if rng.random() >= cut_probability:
        return int(rng.integers(0, slack + 1))
    n_cut = int(rng.uniform(0, MAX_CUT_FRACTION) * n_speech)
    if rng.random() < 0.5:
        return -n_cut
    return slack + n_cut


def insert(speech: np.ndarray, onset: int, n_samples: int) -> np.ndarray:
    """Return ``n_samples`` of silence with ``speech`` from ``onset`` on, cut at the edges."""
    clip = np.zeros(n_samples)
    first, last = max(onset, 0), min(onset + len(speech), n_samples)
    clip[first:last] = speech[first - onset : last - onset]
    return clip


def add_room(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``speech`` with the reverberation of a small room.

    The impulse response is exponentially decaying noise (Polack's model).
    """
    t60_s = rng.uniform(0.1, 0.4)
    direct_to_reverberant_db = rng.uniform(3.0, 20.0)
    seconds = np.arange(1, int(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / t60_s)  # 60 dB down at t60
    tail *= 10 ** (-direct_to_reverberant_db / 20) / np.sqrt(np.sum(np.square(tail)))
    response = np.concatenate([[1.0], tail])
    n_samples = len(speech) + len(response) - 1
    # a power of two is five times faster than a length with large prime factors
    n_fft = 1 << (n_samples - 1).bit_length()
    spectrum = np.fft.rfft(speech, n_fft) * np.fft.rfft(response, n_fft)
    return np.fft.irfft(spectrum, n_fft)[:n_samples]


def filter_by_microphone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``samples`` through a random microphone: high-pass, low-pass and spectral tilt."""
    high_pass_hz, low_pass_hz = rng.uniform(40, 200), rng.uniform(3800, 9000)
    tilt_db_per_octave = rng.uniform(-3.0, 3.0)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    octaves_from_1k = np.log2(np.clip(frequency_hz, 100, 6000) / 1000)
    gain = 10 ** (tilt_db_per_octave * octaves_from_1k / 20)
    # Butterworth magnitudes of second and fourth order
    gain /= np.sqrt(1 + (high_pass_hz / np.maximum(frequency_hz, 1e-3)) ** 4)
    gain /= np.sqrt(1 + (frequency_hz / low_pass_hz) ** 8)
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples))


def to_pcm16(samples: np.ndarray, peak_dbfs: float) -> np.ndarray:
    """Return ``samples`` scaled to a peak of ``peak_dbfs`` (at most 0) and rounded to int16."""
    peak = np.max(np.abs(samples), initial=1e-9)
    return np.round(samples * (32767 * 10 ** (peak_dbfs / 20) / peak)).astype(np.int16)
