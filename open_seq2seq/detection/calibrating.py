"""Thresholds, smoothing and gap for a wanted rate of false accepts, chosen on tracks."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from open_seq2seq.config.calibration import Calibration, CorpusCounts
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.detection import advice
from open_seq2seq.detection.choosing import Choice, Options, choose
from open_seq2seq.detection.counts import ALL
from open_seq2seq.detection.firing import Timeline, averaged, probabilities_of
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.matching import Words
from open_seq2seq.detection.measuring import (
    Measurement,
    keywords_of,
    measure_heard,
    tolerance_of,
)
from open_seq2seq.detection.thresholds import MARGIN, between, heights, try_thresholds

_MOST_WORDS = 200  # words of a label whose heights become thresholds

logger = logging.getLogger(__name__)


class Setting(NamedTuple):
    """One smoothing and one gap, and what the labels can do with them."""

    smoothing: int
    min_gap_s: float
    options: list[Options]


def calibrate(
    heard: Heard, params: DetectParams, checkpoint_step: int | None = None
) -> tuple[Calibration, Measurement]:
    """Choose settings of a detector, and those of single windows, and say what they rest on.

    Args:
        heard: as for `best_settings`.
        params: as for `best_settings`.
        checkpoint_step: of the model.

    Returns:
        the calibration, and what its settings do on the same tracks.

    Raises:
        UserError: no keyword is said in the tracks, or thresholds are given.
        RateNotReached: as `best_settings`.
    """
    advice.refuse(heard.labels, (each.track for each in heard.tracks), params)
    advice.tell_limits(heard, params)
    setting, choice = _best(heard, params)
    advice.tell_silenced(setting.options, choice)
    chosen = _with(params.stream, setting, choice)
    measurement = measure_heard(heard, chosen, params.match_tolerance_s)
    return _record(heard, params, chosen, measurement, checkpoint_step), measurement


def best_settings(heard: Heard, params: DetectParams) -> StreamParams:
    """Return the settings that find the most words at the wanted rate of false accepts.

    Of settings that find as many, those with the fewest false accepts are taken, and of these the
    first in the order of the parameters.

    Args:
        heard: what the network says of validation tracks, by the method, window and hop of the
            parameters.
        params: the wanted rate, what is tried, and the quiet labels.

    Raises:
        RateNotReached: no setting does.
    """
    return _with(params.stream, *_best(heard, params))


def _best(heard: Heard, params: DetectParams) -> tuple[Setting, Choice]:
    wanted = params.false_accepts_per_hour
    n_allowed = math.floor(wanted * heard.hours + 1e-9)
    best: tuple[tuple[int, int], Setting, Choice] | None = None
    tried: list[Setting] = []
    for setting in _settings(heard, params, _smoothings(params), n_allowed):
        tried.append(setting)
        choice = choose(setting.options, n_allowed)
        if choice is None or choice.n_found == 0:
            continue
        key = (choice.n_found, -choice.n_false_accepts)
        if best is None or key > best[0]:
            best = key, setting, choice
    if best is None:
        raise advice.unreached([each.options for each in tried], heard.hours, wanted)
    return best[1:]


def _smoothings(params: DetectParams) -> list[int]:
    return [params.smoothing] if "smoothing" in params.given() else params.calibrate_smoothings


def _min_gaps(params: DetectParams) -> list[float]:
    return [params.min_gap_s] if "min_gap_s" in params.given() else params.calibrate_min_gaps


def _settings(
    heard: Heard, params: DetectParams, smoothings: Iterable[int], n_allowed: int
) -> Iterator[Setting]:
    """Yield each smoothing with each gap, and what thresholds give."""
    timeline = Timeline.of(heard.tracks, len(heard.labels))
    tracks = [each.track for each in heard.tracks]
    labels = list(keywords_of(heard.labels, params.stream))
    words = {label: Words.of(tracks, label) for label in labels}
    for smoothing in dict.fromkeys(smoothings):
        smoothed = StreamParams(**{**dict(params.stream), "smoothing": smoothing})
        tolerance_s = tolerance_of(smoothed, params.match_tolerance_s)
        gaps = list(dict.fromkeys(_min_gaps(params)))
        options: list[list[Options]] = [[] for _ in gaps]
        for label in labels:
            series = averaged(timeline, heard.labels.index(label), smoothing)
            high = heights(series, words[label], tolerance_s)
            of_words = np.sort(high.words)
            if len(of_words) > _MOST_WORDS:
                of_words = np.quantile(of_words, np.linspace(0, 1, _MOST_WORDS))
            thresholds = between(np.concatenate([of_words, high.others[: 2 * n_allowed + 20]]))
            if n_allowed == 0 and len(high.others):
                lowest = high.others[0] + MARGIN
                thresholds = np.unique([lowest, *thresholds[thresholds > lowest]])[::-1]
            for index, gap_s in enumerate(gaps):
                result = try_thresholds(
                    series,
                    words[label],
                    thresholds,
                    min_gap_s=gap_s,
                    tolerance_s=tolerance_s,
                    most=2 * n_allowed + 20,
                )
                options[index].append(Options(label, words[label].n, result))
        for gap_s, its_options in zip(gaps, options, strict=True):
            yield Setting(smoothing, gap_s, its_options)


def _with(settings: StreamParams, setting: Setting, choice: Choice) -> StreamParams:
    """Return the settings with what was chosen."""
    thresholds = {
        label: float(probabilities_of(np.array(z))) for label, z in choice.log_odds.items()
    }
    chosen = {
        "smoothing": setting.smoothing,
        "min_gap_s": setting.min_gap_s,
        "thresholds": thresholds,
    }
    return StreamParams(**{**dict(settings), **chosen})


def _record(
    heard: Heard,
    params: DetectParams,
    chosen: StreamParams,
    measurement: Measurement,
    checkpoint_step: int | None,
) -> Calibration:
    counts = measurement.all
    assert counts.recall_interval is not None and counts.per_hour_interval is not None
    corpora = [
        CorpusCounts(
            name=corpus.name,
            path=corpus.path,
            hours=corpus.hours,
            said=measurement.corpora[corpus.name][ALL].said,
            found=measurement.corpora[corpus.name][ALL].found,
            false_accepts=measurement.corpora[corpus.name][ALL].false_accepts,
        )
        for corpus in heard.corpora
    ]
    return Calibration(
        checkpoint_step=checkpoint_step,
        false_accepts_per_hour=params.false_accepts_per_hour,
        stream=chosen,
        window_thresholds=_of_windows(heard, params, chosen),
        extrapolated=params.false_accepts_per_hour * heard.hours < 1,
        corpora=corpora,
        recall_interval=counts.recall_interval,
        rate_interval=counts.per_hour_interval,
    )


def _of_windows(heard: Heard, params: DetectParams, chosen: StreamParams) -> dict[str, float]:
    """Return the thresholds of single windows at the same rate; none where it is not reached."""
    n_allowed = math.floor(params.false_accepts_per_hour * heard.hours + 1e-9)
    own = DetectParams(**{**params.given(), "min_gap_s": chosen.min_gap_s})
    (setting,) = _settings(heard, own, [1], n_allowed)
    choice = choose(setting.options, n_allowed)
    if choice is None:
        logger.warning("calibrate: single windows do not reach the rate; they get no thresholds")
        return {}
    return _with(chosen, setting, choice).thresholds
