"""Stretches: a track is a row of them, each of one background with what is said in it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.context import ContextMaker
from open_seq2seq.detection.clips import Clip, Sample, read_clip
from open_seq2seq.detection.tracks import Spoken

FULL_SCALE = 32768.0
_LOUDEST = 32767.0
_FADE_S = 0.01  # at both ends of a background, so that none begins with a click

logger = logging.getLogger(__name__)

# the next samples of a background, float32 [samples] at any level, not all of them 0
Background = Callable[[int, np.random.Generator], np.ndarray]


class Placement(NamedTuple):
    """A clip at a place."""

    clip: Clip
    start: int  # sample of the stretch at which the clip begins
    level_db: float = 0.0  # RMS of its word in dB of full scale


class Stretch(NamedTuple):
    """Part of a track; it is made as a whole, so it is short."""

    kind: str
    n_samples: int
    level_db: float | None = None  # RMS of the background in dB of full scale; None: silence
    placements: tuple[Placement, ...] = ()
    background: Background | None = None
    room: ContextMaker | None = None  # puts the one clip, as it is, into its own quiet level


class Made(NamedTuple):
    """A stretch as it is heard."""

    samples: np.ndarray  # int16 [samples]
    spoken: tuple[Spoken, ...]  # times in seconds of the stretch
    level_db: float | None  # RMS of the background in dB of full scale; None: silence


def make_stretch(stretch: Stretch, sample_rate: int, rng: np.random.Generator) -> Made:
    """Return the samples of a stretch, and what is said in it.

    If the sum would be beyond full scale, all of the stretch is as much quieter: ratios stay.

    Raises:
        UserError: a clip or a recording cannot be used.
    """
    if stretch.room is not None:
        return _make_room(stretch, stretch.room, sample_rate, rng)
    sound = np.zeros(stretch.n_samples, np.float32)
    if stretch.background is not None and stretch.level_db is not None:
        sound = stretch.background(stretch.n_samples, rng)
        sound = sound * np.float32(_rms_of(stretch.level_db) / _rms(sound))
        _fade_ends(sound, round(_FADE_S * sample_rate))
    noise_rms = _rms(sound)
    spoken = []
    for placement in stretch.placements:
        sample = _read(placement.clip, sample_rate)
        if sample is None:
            continue
        gain = _rms_of(placement.level_db) / sample.rms
        end = placement.start + len(sample.samples)
        sound[placement.start : end] += np.float32(gain) * sample.samples
        snr_db = 20 * math.log10(gain * sample.rms / noise_rms) if noise_rms else None
        spoken.append(_spoken(placement, sample, sample_rate, snr_db))
    peak = float(np.abs(sound).max())
    fitting = min(1.0, _LOUDEST / peak) if peak else 1.0
    sound *= np.float32(fitting)
    level_db = 20 * math.log10(noise_rms * fitting / FULL_SCALE) if noise_rms else None
    return Made(np.rint(sound).astype(np.int16), tuple(spoken), level_db)


def _make_room(
    stretch: Stretch, room: ContextMaker, sample_rate: int, rng: np.random.Generator
) -> Made:
    (placement,) = stretch.placements
    place = float(rng.random())
    sample = _read(placement.clip, sample_rate)
    if sample is None:
        return Made(np.zeros(stretch.n_samples, np.int16), (), None)
    sound = room.place(sample.samples, placement.start, stretch.n_samples, place)
    return Made(sound, (_spoken(placement, sample, sample_rate, None),), None)


def _read(clip: Clip, sample_rate: int) -> Sample | None:
    sample = read_clip(clip, sample_rate)
    if sample.rms:
        return sample
    logger.warning("%s: digital silence; it is not in the tracks", clip.path)
    return None


def _rms_of(level_db: float) -> float:
    """Return the RMS of a level, in steps of int16."""
    return float(FULL_SCALE * 10 ** (level_db / 20))


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def _spoken(placement: Placement, sample: Sample, sample_rate: int, snr_db: float | None) -> Spoken:
    start, end = ((placement.start + at) / sample_rate for at in (sample.start, sample.end))
    clip = placement.clip
    return Spoken(start, end, clip.label, clip.word, snr_db, clip.path)


def _fade_ends(sound: np.ndarray, n_samples: int) -> None:
    n_samples = min(n_samples, len(sound) // 2)
    ramp = np.linspace(0, 1, n_samples, dtype=np.float32)
    sound[:n_samples] *= ramp
    sound[len(sound) - n_samples :] *= ramp[::-1]
