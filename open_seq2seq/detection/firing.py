"""The events of kept probabilities, as `streaming.EventDetector` gives them, for any threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.detection.heard import HeardTrack

# between which log-odds are taken; averages of float32 numbers that are not all 1 lie below
_LOWEST, _HIGHEST = 2.0**-40, 1.0 - 2.0**-40


class Timeline(NamedTuple):
    """The windows of several tracks, one track after the other."""

    track: np.ndarray  # int32 [windows], index of the track
    start_s: np.ndarray  # float64 [windows], in the track
    end_s: np.ndarray
    probabilities: np.ndarray  # float32 [windows, labels]

    @classmethod
    def of(cls, tracks: Sequence[HeardTrack], n_labels: int) -> Timeline:
        """Return the timeline of some tracks, which may be none."""
        sizes = [len(track.end_s) for track in tracks]
        none: np.ndarray = np.zeros(0)
        return cls(
            np.repeat(np.arange(len(tracks), dtype=np.int32), sizes),
            np.concatenate([none, *(track.start_s for track in tracks)]),
            np.concatenate([none, *(track.end_s for track in tracks)]),
            np.concatenate(
                [np.zeros((0, n_labels), np.float32), *(track.probabilities for track in tracks)]
            ),
        )


class Series(NamedTuple):
    """One label's averages, of some of the windows of a timeline."""

    row: np.ndarray  # int64 [windows], ascending; of the newest window of each average
    track: np.ndarray  # int32 [windows]
    end_s: np.ndarray  # float64 [windows]
    average: np.ndarray  # float64 [windows]

    def above(self, threshold: float) -> Series:
        """Return the windows whose averages reach a threshold."""
        return Series(*(values[self.average >= threshold] for values in self))


def averaged(timeline: Timeline, label: int, smoothing: int) -> Series:
    """Return a label's averages of as many windows as are averaged, of one track each.

    They have the bits of `EventDetector`, which adds the oldest first.
    """
    column = timeline.probabilities[:, label].astype(np.float64)
    n_sums = max(0, len(column) - smoothing + 1)
    sums = column[:n_sums].copy()
    for offset in range(1, smoothing):
        sums += column[offset : offset + n_sums]
    first, last = timeline.track[:n_sums], timeline.track[smoothing - 1 :]
    kept = np.flatnonzero(first == last)
    row = kept + smoothing - 1
    return Series(row, timeline.track[row], timeline.end_s[row], sums[kept] / smoothing)


def fired(series: Series, threshold: float, min_gap_s: float) -> np.ndarray:
    """Return which windows of a series are events, as indices into it, int64 [events].

    Args:
        series: without gaps, or as `Series.above` of a lower threshold returns it.
        threshold: that an average must reach.
        min_gap_s: seconds between two events at least.
    """
    above = np.flatnonzero(series.average >= threshold)
    if not len(above):
        return above
    row, track = series.row[above], series.track[above]
    is_rise = (np.diff(row) > 1) | (np.diff(track) != 0)
    bounds = np.concatenate([[0], np.flatnonzero(is_rise) + 1, [len(above)]])
    end_s = series.end_s[above]
    events: list[int] = []
    last_track, last_s = -1, -np.inf
    rises = zip(
        bounds[:-1].tolist(),
        bounds[1:].tolist(),
        track[bounds[:-1]].tolist(),
        end_s[bounds[:-1]].tolist(),
        strict=True,
    )
    for begin, end, its_track, rise_s in rises:
        if its_track != last_track:
            last_track, last_s = its_track, -np.inf
        at = begin
        if rise_s - last_s < min_gap_s:  # it may be an event once the gap is over
            late = np.flatnonzero(end_s[begin:end] - last_s >= min_gap_s)
            if not len(late):
                continue
            at = begin + int(late[0])
        last_s = float(end_s[at])
        events.append(at)
    return above[events]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), float64; they are finite, of 0 and 1 too."""
    p = np.clip(np.asarray(probabilities, np.float64), _LOWEST, _HIGHEST)
    return np.log(p) - np.log1p(-p)


def probabilities_of(log_odds: np.ndarray) -> np.ndarray:
    """Return the probabilities of log-odds, float64."""
    return 1.0 / (1.0 + np.exp(-np.asarray(log_odds, np.float64)))
