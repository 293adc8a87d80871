"""Which thresholds are worth trying, and what each gives: those between the values that occur."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.detection.firing import Series, fired, log_odds, probabilities_of
from open_seq2seq.detection.matching import Words, match

# log-odds above the largest value that occurs: the odds are e times as high
MARGIN = 1.0
_TRACK_S = 1e7  # a track is shorter, so that track and time fit into one number


class Heights(NamedTuple):
    """The log-odds to which averages rise."""

    words: np.ndarray  # of the peaks in words, float64
    others: np.ndarray  # of each second of sound outside of words, float64, the highest first


class Tried(NamedTuple):
    """What thresholds give, the highest threshold first."""

    log_odds: np.ndarray  # float64 [thresholds]
    found: np.ndarray  # int64 [thresholds], words
    false_accepts: np.ndarray  # int64 [thresholds], repeats included


def heights(series: Series, words: Words, tolerance_s: float) -> Heights:
    """Return how high a label's averages rise in its words, and outside of them."""
    at = series.track * _TRACK_S + series.end_s
    first = np.searchsorted(at, words.track * _TRACK_S + words.start)
    last = np.searchsorted(at, words.track * _TRACK_S + words.end + tolerance_s, side="right")
    is_outside = np.ones(len(at), bool)
    of_words = [np.zeros(0)]
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        is_outside[begin:end] = False
        of_words.append(_peaks(series.average[begin:end]))
    outside, seconds = series.average[is_outside], np.floor(at[is_outside])
    of_others: np.ndarray = np.zeros(0)
    if len(outside):
        begins = np.concatenate([[0], np.flatnonzero(np.diff(seconds)) + 1])
        of_others = np.sort(log_odds(np.maximum.reduceat(outside, begins)))[::-1]
    return Heights(log_odds(np.concatenate(of_words)), of_others)


def _peaks(values: np.ndarray) -> np.ndarray:
    """Return the values that are not below the one before, and above the one after."""
    around = np.concatenate([[-np.inf], values, [-np.inf]])
    return values[(values >= around[:-2]) & (values > around[2:])]


def between(values: np.ndarray) -> np.ndarray:
    """Return log-odds in the middle of each two neighbours, and beyond both ends, descending."""
    values = np.unique(values)
    if not len(values):
        return values
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate([[values[0] - MARGIN], middles, [values[-1] + MARGIN]])[::-1]


def try_thresholds(
    series: Series,
    words: Words,
    thresholds: np.ndarray,
    *,
    min_gap_s: float,
    tolerance_s: float,
    most: float,
) -> Tried:
    """Return what a label's events are at each threshold.

    Args:
        series: of the label.
        words: of the label.
        thresholds: log-odds, descending.
        min_gap_s: seconds between two events at least.
        tolerance_s: of `match`.
        most: false accepts; lower thresholds than the first that gives more are not tried.
    """
    found, false_accepts = [], []
    if len(thresholds):
        series = series.above(float(probabilities_of(thresholds[-1])))
    for threshold in probabilities_of(thresholds).tolist():
        events = fired(series, threshold, min_gap_s)
        matches = match(words, series.track[events], series.end_s[events], tolerance_s)
        found.append(matches.n_found)
        false_accepts.append(matches.n_false_accepts)
        if matches.n_false_accepts > most:
            break
    return Tried(thresholds[: len(found)], np.array(found, int), np.array(false_accepts, int))
