"""A made-up recording of a word: a room, a place in the clip, background noise, a microphone and a
level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, make_noise

CLIP_SAMPLES = SAMPLE_RATE  # one second

SNR_DB = (10.0, 30.0)
PEAK_DBFS = (-35.0, -8.0, -3.0)  # lowest, most frequent, highest
SHORT_SHARE = 0.1  # clips of less than a second, as in the real data set (11 % of the recordings)
CUT_SHARE = 0.1  # clips in which the word is cut at an edge
MAX_CUT = 0.12  # of the word


def record(
    speech: np.ndarray, rng: np.random.Generator, talkers: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the clip, int16 at 16 kHz and at most one second, in which ``speech`` (float, 16 kHz)
    is heard.

    The signal-to-noise ratio is drawn from `SNR_DB` (power over the word, before the microphone),
    the peak level from `PEAK_DBFS`. ``talkers`` are the sentences that babble noise is made of.
    """
    n_samples = draw_length(len(speech), rng)
    onset = draw_onset(len(speech), n_samples, rng)
    clip = place(add_room(speech, rng), onset, n_samples)
    noise = make_noise(NOISE_KINDS[int(rng.integers(len(NOISE_KINDS)))], rng, n_samples, talkers)
    speech_rms = np.sqrt(np.mean(np.square(speech)))
    clip += noise * speech_rms * 10 ** (-rng.uniform(*SNR_DB) / 20)
    return to_pcm16(filter_by_microphone(clip, rng), rng.triangular(*PEAK_DBFS))


def draw_length(n_speech: int, rng: np.random.Generator) -> int:
    """Return a clip's length: a second, or for a share of them something from half a second that
    holds the word.
    """
    shortest = max(CLIP_SAMPLES // 2, n_speech)
    if rng.random() >= SHORT_SHARE or shortest >= CLIP_SAMPLES:
        return CLIP_SAMPLES
    return int(rng.integers(shortest, CLIP_SAMPLES))


def draw_onset(n_speech: int, n_samples: int, rng: np.random.Generator) -> int:
    """Return where the word begins: anywhere it fits, or for a share of clips a little beyond one
    of the edges.
    """
    slack = n_samples - n_speech
    if slack < 0:  # longer than the clip: both of its ends are cut
        return int(rng.integers(slack, 1))
    if rng.random() >= CUT_SHARE:
        return int(rng.integers(0, slack + 1))
    n_cut = int(rng.uniform(0, MAX_CUT) * n_speech)
    return -n_cut if rng.random() < 0.5 else slack + n_cut


def place(speech: np.ndarray, onset: int, n_samples: int) -> np.ndarray:
    """Return ``n_samples`` of silence with ``speech`` added at ``onset``; what lies outside is cut."""
    clip = np.zeros(n_samples)
    first, last = max(onset, 0), min(onset + len(speech), n_samples)
    clip[first:last] = speech[first - onset : last - onset]
    return clip


def add_room(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``speech`` and the reverberation of a small room: exponentially decaying noise
    (Polack's model).
    """
    t60_s = rng.uniform(0.1, 0.4)
    direct_to_reverberant_db = rng.uniform(3.0, 20.0)
    seconds = np.arange(1, int(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / t60_s)  # 60 dB down at t60
    tail *= 10 ** (-direct_to_reverberant_db / 20) / np.sqrt(np.sum(np.square(tail)))
    response = np.concatenate([[1.0], tail])
    n_samples = len(speech) + len(response) - 1
    n_fft = (
        1 << (n_samples - 1).bit_length()
    )  # a power of two is five times faster than a length with large primes
    return np.fft.irfft(np.fft.rfft(speech, n_fft) * np.fft.rfft(response, n_fft), n_fft)[
        :n_samples
    ]


def filter_by_microphone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``samples`` as a random microphone hears them: no lows, perhaps no highs, and a tilt
    of the spectrum.
    """
    high_pass_hz, low_pass_hz = rng.uniform(40, 200), rng.uniform(3800, 9000)
    tilt_db_per_octave = rng.uniform(-3.0, 3.0)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    octaves_from_1k = np.log2(np.clip(frequency_hz, 100, 6000) / 1000)
    gain = 10 ** (tilt_db_per_octave * octaves_from_1k / 20)
    gain /= np.sqrt(
        1 + (high_pass_hz / np.maximum(frequency_hz, 1e-3)) ** 4
    )  # second-order Butterworth magnitude
    gain /= np.sqrt(1 + (frequency_hz / low_pass_hz) ** 8)  # fourth-order
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples))


def to_pcm16(samples: np.ndarray, peak_dbfs: float) -> np.ndarray:
    """Return ``samples`` scaled to a peak of ``peak_dbfs`` (at most 0) and rounded to int16."""
    peak = np.max(np.abs(samples), initial=1e-9)
    return np.round(samples * (32767 * 10 ** (peak_dbfs / 20) / peak)).astype(np.int16)
