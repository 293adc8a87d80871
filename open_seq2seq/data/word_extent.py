"""Where in a clip the word is: from its first to its last loud piece."""

from __future__ import annotations

import numpy as np

PIECE_S = 0.01
_QUIETEST = 10  # percent of the pieces, whose level is the background's
_BELOW_PEAK_DB = 30.0
_ABOVE_QUIET_DB = 8.0
_LONGEST_PAUSE_S = 0.15  # within a word: the stop of a plosive, "eight" before its t
_SILENT_DB = -200.0


def word_extent(samples: np.ndarray, sample_rate: int) -> tuple[int, int]:
    """Return the first sample of the word in a clip, and the one after its last.

    The word is the run of loud pieces, of 10 ms each, around the loudest one, with pauses of up to
    0.15 s. A piece is loud that is at most 30 dB below the loudest one and at least 8 dB above the
    quietest tenth. Where that leaves nothing, the whole clip is the word.

    Args:
        samples: int16 [samples].
        sample_rate: in Hz.
    """
    levels = piece_levels_db(samples, sample_rate)
    if len(levels) < 2:
        return 0, len(samples)
    loudest = int(levels.argmax())
    least = max(
        levels[loudest] - _BELOW_PEAK_DB, np.percentile(levels, _QUIETEST) + _ABOVE_QUIET_DB
    )
    loud = np.flatnonzero(levels >= least)
    if not len(loud):
        return 0, len(samples)
    longest_pause = round(_LONGEST_PAUSE_S / PIECE_S)
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > longest_pause + 1) + 1)
    run = next(run for run in runs if run[0] <= loudest <= run[-1])
    piece = _piece(sample_rate)
    return int(run[0]) * piece, (int(run[-1]) + 1) * piece


def piece_levels_db(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the level of each whole piece of 10 ms without its mean, in dB of one step of int16.

    Args:
        samples: int16 [samples].
        sample_rate: in Hz.
    """
    piece = _piece(sample_rate)
    n_pieces = len(samples) // piece
    power = samples[: n_pieces * piece].reshape(n_pieces, piece).astype(np.float64).var(axis=1)
    floor = 10.0 ** (_SILENT_DB / 10.0)
    return 10.0 * np.log10(np.maximum(power, floor))


def _piece(sample_rate: int) -> int:
    return max(1, round(PIECE_S * sample_rate))
