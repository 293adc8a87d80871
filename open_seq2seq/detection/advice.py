"""What is said of a calibration that cannot be had, or that rests on little."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.detection.choosing import Choice, Options, fewest
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.intervals import hours_needed
from open_seq2seq.detection.measuring import keywords_of
from open_seq2seq.detection.thresholds import MARGIN
from open_seq2seq.detection.tracks import Track
from open_seq2seq.errors import UserError, named

logger = logging.getLogger(__name__)


class RateNotReached(UserError):
    """No setting finds a keyword at the wanted rate of false accepts."""


def refuse(labels: tuple[str, ...], tracks: Iterable[Track], params: DetectParams) -> None:
    """Refuse what nothing can be chosen with, however the network hears it.

    Raises:
        UserError: no keyword is said, or thresholds are given.
    """
    for name in ("threshold", "thresholds"):
        if name in params.given():
            raise UserError(f"{name}: calibrate chooses the thresholds; leave --{name} out")
    keywords = keywords_of(labels, params.stream)
    if not any(each.label in keywords for track in tracks for each in track.spoken):
        raise UserError(
            "calibrate: no list of these recordings names a keyword, so that recall is not known; "
            f"name tracks with {named(keywords)} in their lists, too"
        )


def tell_limits(heard: Heard, params: DetectParams) -> None:
    """Warn of what these recordings cannot show."""
    wanted, keywords = params.false_accepts_per_hour, keywords_of(heard.labels, params.stream)
    said = {each.label for track in heard.tracks for each in track.track.spoken}
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


def tell_silenced(options: list[Options], choice: Choice) -> None:
    """Warn of labels that the chosen thresholds do not find at all."""
    silent = [e.label for e in options if e.n_words and not choice.found[e.label]]
    if silent:
        logger.warning(
            f"calibrate: at this rate no threshold finds {named(silent)}; allow more "
            "--false_accepts_per_hour, or train with more sound that is mistaken for it"
        )


def unreached(settings: list[list[Options]], hours: float, wanted: float) -> RateNotReached:
    """Return the refusal of a rate, with the best that is reached.

    Args:
        settings: what the labels can do with each setting.
        hours: of sound.
        wanted: false accepts per hour.
    """
    by_label = min(map(fewest, settings), key=lambda each: sum(each.values()))
    n = sum(by_label.values())
    if n <= wanted * hours:
        return RateNotReached(
            f"calibrate: {wanted:g} false accepts per hour are reached only where no keyword is "
            "found; nothing is saved. Allow more --false_accepts_per_hour, or train with more "
            "negatives"
        )
    worst = sorted((label for label in by_label if by_label[label]), key=lambda e: -by_label[e])
    shown = named(f"{label} ({by_label[label]})" for label in worst)
    return RateNotReached(
        f"calibrate: no setting reaches {wanted:g} false accepts per hour; the best is "
        f"{n / hours:.3g} ({n} in {hours:.3g} h), of {shown}; nothing is saved. Allow more "
        "--false_accepts_per_hour, or train with more negatives"
    )
