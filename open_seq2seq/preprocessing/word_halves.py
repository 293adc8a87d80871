"""Halves of words: cut at the loudest sample, and joined to a clip of a second."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.data.word_extent import word_extent
from open_seq2seq.preprocessing.silence import CLIP_SAMPLES, SAMPLE_RATE

_CROSSFADE = SAMPLE_RATE * 5 // 1000  # samples around the cut
_MOST_GAIN = 4.0  # of the second word, whose recording may be another day's
_LONGEST_RESPONSE = 256  # samples; the spectrum of background needs no finer detail


class Half(NamedTuple):
    """Where a word is in its clip, and where it is cut, in samples."""

    start: int
    cut: int
    end: int


def cut_words(first: np.ndarray, second: np.ndarray) -> tuple[Half, Half]:
    """Return where two clips, int16 [samples], are cut: each at its word's loudest sample.

    That of the second word has the sign of the first word's, so that the waves fit.
    """
    halves = []
    sign = 0.0
    for sound in (first, second):
        start, end = word_extent(sound, SAMPLE_RATE)
        word = sound[start:end] - np.mean(sound)
        loudness = word * sign if sign else np.abs(word)
        cut = int(loudness.argmax())
        sign = sign or float(np.sign(word[cut]))
        halves.append(Half(start, start + cut, end))
    return halves[0], halves[1]


def join_halves(
    first: np.ndarray, second: np.ndarray, halves: tuple[Half, Half], rng: np.random.Generator
) -> np.ndarray:
    """Return a second, int16 [16000], of ``first`` up to its cut and ``second`` from its own on.

    The second word is made as loud as the first one, and a crossfade of 5 ms joins them. The double
    word has before it what its first half had, and after it what the second one had. That is cut to
    a second, or noise like it is added.

    Args:
        first: int16 [samples] at 16 kHz.
        second: another clip.
        halves: where to cut them, from `cut_words`.
        rng: draws the noise.
    """
    one, other = (sound.astype(np.float64) - sound.mean() for sound in (first, second))
    cut, cut_of_second = halves[0].cut, halves[1].cut
    gain = abs(one[cut]) / max(abs(other[cut_of_second]), 1.0)
    other *= np.clip(gain, 1 / _MOST_GAIN, _MOST_GAIN)
    n_fade = min(_CROSSFADE // 2, cut, cut_of_second, len(one) - cut, len(other) - cut_of_second)
    rise = (np.arange(2 * n_fade) + 0.5) / max(2 * n_fade, 1)
    before = one[cut - n_fade : cut + n_fade]
    after = other[cut_of_second - n_fade : cut_of_second + n_fade]
    joined = np.concatenate(
        [one[: cut - n_fade], (1 - rise) * before + rise * after, other[cut_of_second + n_fade :]]
    )
    n_before, n_after = halves[0].start, len(other) - halves[1].end
    sound = _one_second(joined, n_before, n_after, rng)
    return np.rint(sound).clip(-32768, 32767).astype(np.int16)


def _one_second(
    sound: np.ndarray, n_before: int, n_after: int, rng: np.random.Generator
) -> np.ndarray:
    """Cut ``sound`` to a second, or add what is like the background around its word.

    Args:
        sound: a word between ``n_before`` and ``n_after`` samples of background.
        n_before: what is cut or added is shared out in proportion to these two.
        n_after: see ``n_before``.
        rng: draws what is added.
    """
    around = n_before + n_after
    n_more = CLIP_SAMPLES - len(sound)
    if -n_more > around:  # the word alone is longer
        first = n_before + (-n_more - around) // 2
        return sound[first : first + CLIP_SAMPLES]
    n_first = abs(n_more) * n_before // max(around, 1)
    if n_more <= 0:
        return sound[n_first : n_first + CLIP_SAMPLES]
    before, after = sound[:n_before], sound[len(sound) - n_after :]
    n_last = n_more - n_first
    return np.concatenate(
        [_noise_like(before, n_first, rng), sound, _noise_like(after, n_last, rng)]
    )


def _noise_like(background: np.ndarray, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n_samples`` of noise with the spectrum and the level of ``background``."""
    response = (
        background[:_LONGEST_RESPONSE] * np.hanning(len(background[:_LONGEST_RESPONSE]) + 2)[1:-1]
    )
    energy = np.sqrt(np.sum(np.square(response)))
    if n_samples == 0 or energy == 0:
        return np.zeros(n_samples)
    white = rng.standard_normal(n_samples + len(response) - 1)
    noise = np.convolve(white, response / energy, mode="valid")
    return noise * np.sqrt(np.mean(np.square(background)))
