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
from open_seq2seq.detection.choosing import Choice, Options, choose, fewest
from open_seq2seq.detection.counts import ALL
from open_seq2seq.detection.firing import Timeline, averaged, probabilities_of
from open_seq2seq.detection.hearing import Heard
from open_seq2seq.detection.intervals import hours_needed
from open_seq2seq.detection.matching import Words
from open_seq2seq.detection.measuring import (
    Measurement,
    keywords_of,
    measure_heard,
    tolerance_of,
)
from open_seq2seq.detection.thresholds import MARGIN, between, heights, try_thresholds
from open_seq2seq.errors import UserError, named

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
    """Choose the settings that find the most words at the wanted rate of false accepts.

    Of settings that find as many, those with the fewest false accepts are taken, and of these the
    first in the order of the parameters.

    Args:
        heard: what the network says of validation tracks, by the method, window and hop of the
            parameters.
        params: the wanted rate, what is tried, and the quiet labels.
        checkpoint_step: of the model.

    Returns:
        the calibration, and what its settings do on the same tracks.

    Raises:
        UserError: no keyword is said in them, or no setting reaches the rate.
    """
    wanted, settings = params.false_accepts_per_hour, params.stream
    n_allowed = math.floor(wanted * heard.hours + 1e-9)
    _check(heard, params)
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
        raise _unreached(tried, heard.hours, wanted)
    _, setting, choice = best
    _tell_silenced(setting, choice)
    chosen = _with(settings, setting, choice)
    measurement = measure_heard(heard, chosen, params.match_tolerance_s)
    return _record(heard, params, chosen, measurement, checkpoint_step), measurement


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


def _check(heard: Heard, params: DetectParams) -> None:
    """Refuse tracks without keywords, and say what the hours cannot show.

    Raises:
        UserError: no keyword is said, or thresholds are given.
    """
    wanted, given = params.false_accepts_per_hour, params.given()
    for name in ("threshold", "thresholds"):
        if name in given:
            raise UserError(f"{name}: calibrate chooses the thresholds; leave --{name} out")
    keywords = keywords_of(heard.labels, params.stream)
    said = {each.label for track in heard.tracks for each in track.track.spoken}
    if not said & set(keywords):
        raise UserError(
            "calibrate: no list of these recordings names a keyword, so that recall is not known; "
            f"name tracks with {named(keywords)} in their lists, too"
        )
    if missing := [label for label in keywords if label not in said]:
        logger.warning(
            f"calibrate: never said in these tracks: {named(missing)}; their thresholds rest on "
            "false accepts alone, and are 0.5 at least"
        )
    if not any(not track.track.spoken for track in heard.tracks):
        logger.warning(
            "calibrate: every recording has a list; false accepts are counted between the words "
            "alone. Add long recordings without keywords"
        )
    if wanted * heard.hours < 1:
        logger.warning(
            f"calibrate: {heard.hours:.3g} h hold less than one false accept at {wanted:g} per "
            f"hour. Thresholds are {MARGIN:g} in log-odds above the highest score of other sound, "
            f"and are not extrapolated further; {hours_needed(wanted):.3g} h are needed to show "
            "that rate"
        )


def _tell_silenced(setting: Setting, choice: Choice) -> None:
    silent = [e.label for e in setting.options if e.n_words and not choice.found[e.label]]
    if silent:
        logger.warning(
            f"calibrate: at this rate no threshold finds {named(silent)}; allow more "
            "--false_accepts_per_hour, or train with more sound that is mistaken for it"
        )


def _unreached(settings: list[Setting], hours: float, wanted: float) -> UserError:
    """Return the refusal of a rate, with the best that is reached."""

    def total(setting: Setting) -> int:
        return sum(fewest(setting.options).values())

    best = min(settings, key=total)
    n, by_label = total(best), fewest(best.options)
    if n <= wanted * hours:
        return UserError(
            f"calibrate: {wanted:g} false accepts per hour are reached only where no keyword is "
            "found; nothing is saved. Allow more --false_accepts_per_hour, or train with more "
            "negatives"
        )
    worst = sorted((label for label in by_label if by_label[label]), key=lambda e: -by_label[e])
    shown = named(f"{label} ({by_label[label]})" for label in worst)
    return UserError(
        f"calibrate: no setting reaches {wanted:g} false accepts per hour; the best is "
        f"{n / hours:.3g} ({n} in {hours:.3g} h, smoothing={best.smoothing}), of {shown}; nothing "
        "is saved. Allow more --false_accepts_per_hour, or train with more negatives"
    )
