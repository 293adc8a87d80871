"""What can be measured of a clip's sound: length, levels, signal-to-noise ratio, clipping."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.audio import BadAudioError
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.data.word_extent import PIECE_S, piece_levels_db, word_extent
from open_seq2seq.system.cores import thread_pool

_FULL_SCALE = 32768.0
_QUIETEST = 10  # percent of the pieces, whose level is the background's
_SHORTEST_RUN = 3  # samples at the largest or smallest value; a peak of a wave has one or two
_LEAST_PEAK = 0.05  # of full scale: quieter sound has long runs by rounding
_LEAST_SNR_DB = 12.0  # below it nobody can say where a word begins
_STEP_DB = 20 * math.log10(1 / _FULL_SCALE)  # level of one step of int16


class Measures(NamedTuple):
    """Measures of one clip; levels are in dB of full scale, of which a square wave has 0."""

    seconds: float
    level_db: float  # RMS of the word
    peak_db: float  # largest absolute sample
    snr_db: float  # level of the word above that of the quietest tenth of the clip; an estimate
    clipped: float  # fraction of the samples that are cut off at a limit, full scale or lower
    begins_cut: bool  # whether the word has begun before the clip
    ends_cut: bool  # whether the word ends after the clip
    digest: str  # of the samples, 16 hexadecimal digits; equal sound has equal ones


def measure(samples: np.ndarray, sample_rate: int) -> Measures:
    """Measure a clip.

    Args:
        samples: int16 [samples], at least one.
        sample_rate: in Hz.
    """
    start, end = word_extent(samples, sample_rate)
    levels = piece_levels_db(samples, sample_rate)
    quiet_db = _STEP_DB + max(0.0, float(np.percentile(levels, _QUIETEST))) if len(levels) else 0.0
    level_db = _decibels(samples[start:end].astype(np.float64).std())
    snr_db = max(0.0, level_db - quiet_db)
    edge = round(PIECE_S * sample_rate)
    is_clear = snr_db >= _LEAST_SNR_DB
    return Measures(
        seconds=len(samples) / sample_rate,
        level_db=level_db,
        peak_db=_decibels(np.abs(samples.astype(np.int32)).max()),
        snr_db=snr_db,
        clipped=_clipped(samples),
        begins_cut=bool(is_clear and start == 0),
        ends_cut=bool(is_clear and end > len(samples) - edge),
        digest=hashlib.blake2b(samples.tobytes(), digest_size=8).hexdigest(),
    )


def measure_files(
    paths: Sequence[str], reading: Reading, sample_rate: int
) -> dict[str, Measures | str]:
    """Measure audio files, in threads.

    Args:
        paths: of the files.
        reading: how they are read.
        sample_rate: in Hz.

    Returns:
        by path the measures, or why the file cannot be read.
    """

    def of_file(path: str) -> Measures | str:
        try:
            return measure(reading.read(path, sample_rate).samples, sample_rate)
        except BadAudioError as error:
            return str(error)

    measured = thread_pool("reader", reading.n_readers).map(of_file, paths)
    return dict(zip(paths, measured, strict=True))


def _decibels(amplitude: float) -> float:
    """Return the level of an amplitude in steps of int16, at least that of one step."""
    return _STEP_DB + 20 * math.log10(max(float(amplitude), 1.0))


def _clipped(samples: np.ndarray) -> float:
    """Return the fraction of samples in runs of one value that is the largest or the smallest."""
    highest, lowest = int(samples.max()), int(samples.min())
    if max(highest, -lowest) < _LEAST_PEAK * _FULL_SCALE:
        return 0.0
    n_cut = 0
    for limit in {highest, lowest}:
        edges = np.diff(np.concatenate(([0], samples == limit, [0])).astype(np.int8))
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        n_cut += int(runs[runs >= _SHORTEST_RUN].sum())
    return n_cut / len(samples)
