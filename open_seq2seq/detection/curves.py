"""DET curves: the fraction of words that are missed against false accepts per hour."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.detection.counts import ALL, Counts, name_of
from open_seq2seq.detection.firing import Series, Timeline, averaged, probabilities_of
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.matching import Words
from open_seq2seq.detection.measuring import keywords_of, tolerance_of
from open_seq2seq.detection.thresholds import Heights, Tried, between, heights, try_thresholds

_MOST_PER_HOUR, _LEAST_MOST = 100.0, 20.0  # false accepts at which a curve ends
_MOST_POINTS = 100  # of words, and of false accepts


class Curve(NamedTuple):
    """One label at many thresholds, or all labels at common ones; the highest first."""

    label: str  # or `ALL`
    log_odds: np.ndarray  # float64 [thresholds]
    points: list[Counts]

    @property
    def name(self) -> str:
        """The label as it is shown."""
        return name_of(self.label)

    def as_json(self) -> dict[str, Any]:
        """Return the curve in JSON's types."""
        probabilities = probabilities_of(self.log_odds).tolist()
        points = [
            {"threshold": threshold, "log_odds": z, **_point(counts)}
            for threshold, z, counts in zip(
                probabilities, self.log_odds.tolist(), self.points, strict=True
            )
        ]
        return {"label": self.name, "points": points}


def det_curves(
    heard: Heard, settings: StreamParams, match_tolerance_s: float | None = None
) -> list[Curve]:
    """Return the curve of all labels at a common threshold, then that of each label."""
    tolerance_s = tolerance_of(settings, match_tolerance_s)
    timeline = Timeline.of(heard.tracks, len(heard.labels))
    tracks = [each.track for each in heard.tracks]
    most = _most(heard.hours)
    parts: list[tuple[Series, Words]] = []
    of_labels: list[Curve] = []
    values: list[np.ndarray] = []

    def tried(series: Series, words: Words, thresholds: np.ndarray) -> Tried:
        return try_thresholds(
            series,
            words,
            thresholds,
            min_gap_s=settings.min_gap_s,
            tolerance_s=tolerance_s,
            most=most,
        )

    for label in keywords_of(heard.labels, settings):
        series = averaged(timeline, heard.labels.index(label), settings.smoothing)
        words = Words.of(tracks, label)
        values.append(_thinned(heights(series, words, tolerance_s), most))
        thresholds = between(values[-1])
        if len(thresholds):
            series = series.above(float(probabilities_of(thresholds[-1])))
        parts.append((series, words))
        of_labels.append(_curve(label, words.n, heard.hours, tried(series, words, thresholds)))
    common = between(_spread(np.sort(np.concatenate(values)), 2 * _MOST_POINTS))
    each = [tried(series, words, common) for series, words in parts]
    together = _sum(common, each)
    n_words = sum(words.n for _, words in parts)
    return [_curve(ALL, n_words, heard.hours, together), *of_labels]


def _sum(common: np.ndarray, each: list[Tried]) -> Tried:
    """Return what the labels give together, as far as all were tried."""
    n_points = min(len(result.found) for result in each)
    found = np.sum([result.found[:n_points] for result in each], axis=0)
    false_accepts = np.sum([result.false_accepts[:n_points] for result in each], axis=0)
    return Tried(common[:n_points], found, false_accepts)


def _curve(label: str, n_words: int, hours: float, tried: Tried) -> Curve:
    """Return the points of a curve, down to the threshold with too many false accepts."""
    points = [
        Counts(label, hours, n_words, found, false_accepts)
        for found, false_accepts in zip(
            tried.found.tolist(), tried.false_accepts.tolist(), strict=True
        )
        if false_accepts <= _most(hours)
    ]
    is_kept = tried.false_accepts <= _most(hours)
    return Curve(label, tried.log_odds[is_kept], points)


def _most(hours: float) -> float:
    return max(_MOST_PER_HOUR * hours, _LEAST_MOST)


def _thinned(of_label: Heights, most: float) -> np.ndarray:
    """Return enough values for a curve: of words evenly, of others the highest ones densely."""
    others = of_label.others[: int(most) + 1]
    if len(others):
        ranks = np.geomspace(1, len(others), _MOST_POINTS).astype(int) - 1
        others = others[np.unique(ranks)]
    return np.concatenate([_spread(np.sort(of_label.words), _MOST_POINTS), others])


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    if len(values) <= most:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def _point(counts: Counts) -> dict[str, Any]:
    """Return what a point of a curve has."""
    recall = counts.recall
    return {
        "said": counts.said,
        "found": counts.found,
        "recall": recall,
        "recall_interval": counts.recall_interval,
        "miss_rate": None if recall is None else 1.0 - recall,
        "false_accepts": counts.false_accepts,
        "false_accepts_per_hour": counts.per_hour,
        "false_accepts_per_hour_interval": counts.per_hour_interval,
    }
