"""Accuracy of groups of clips: by speaker, signal-to-noise ratio, loudness and length."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.reports.labels import Fraction

_SHOWN_SPEAKERS = 20
_FEWEST_CLIPS = 3  # of a speaker that is shown: one clip says nothing of a voice


class Cohort(NamedTuple):
    """A group of clips."""

    name: str
    accuracy: Fraction


class Grouping(NamedTuple):
    """Cohorts by one property; empty where it is not known."""

    title: str
    note: str
    cohorts: list[Cohort]


# column, title, unit, note, edges
_RANGES: tuple[tuple[str, str, str, str, tuple[float, ...]], ...] = (
    (
        "snr_db",
        "signal-to-noise ratio",
        "dB",
        "an estimate: level of the word above the quietest tenth of the clip",
        (10, 20, 30, 40, 50),
    ),
    ("level_db", "loudness", "dB", "RMS of the word, of full scale", (-50, -40, -30, -20, -10)),
    ("seconds", "length", "s", "of the whole clip", (0.5, 0.8, 0.99, 1.01, 1.5, 3)),
)


def groupings(clips: pd.DataFrame) -> list[Grouping]:
    """Return the accuracy of every cohort that has clips.

    Args:
        clips: of an evaluation, as `storage.evaluations` records them.
    """
    is_right = (clips["label"] == clips["prediction"]).to_numpy()
    return [_by_speaker(clips["speaker"], is_right)] + [
        Grouping(f"by {title}", note, _within(clips[column].to_numpy(float), is_right, edges, unit))
        for column, title, unit, note, edges in _RANGES
    ]


def _within(
    values: np.ndarray, is_right: np.ndarray, edges: Sequence[float], unit: str
) -> list[Cohort]:
    bounds = (-np.inf, *edges, np.inf)
    cohorts = []
    for low, high in itertools.pairwise(bounds):
        of_cohort = (values >= low) & (values < high)
        accuracy = Fraction.of(int(is_right[of_cohort].sum()), int(of_cohort.sum()))
        if accuracy is not None:
            cohorts.append(Cohort(_name(low, high, unit), accuracy))
    return cohorts


def _name(low: float, high: float, unit: str) -> str:
    if low == -np.inf:
        return f"below {high:g} {unit}"
    if high == np.inf:
        return f"{low:g} {unit} or more"
    return f"{low:g} to {high:g} {unit}"


def _by_speaker(speakers: pd.Series, is_right: np.ndarray) -> Grouping:
    """Return the speakers who are misheard most, of those with a few clips."""
    known = speakers[speakers != ""]
    counts = known.groupby(known).size()
    rights = pd.Series(is_right, speakers.index)[known.index].groupby(known).sum()
    table = pd.DataFrame({"n": counts, "right": rights})
    table = table[table["n"] >= _FEWEST_CLIPS]
    table = table.assign(accuracy=table["right"] / table["n"]).sort_values(
        ["accuracy", "n"], ascending=[True, False], kind="stable"
    )
    shown = table[:_SHOWN_SPEAKERS]
    cohorts = [
        Cohort(str(name), accuracy)
        for name, n, right in zip(shown.index, shown["n"], shown["right"], strict=True)
        if (accuracy := Fraction.of(int(right), int(n))) is not None
    ]
    note = ""
    if len(counts):
        note = f"of {len(counts):,} speakers those with {_FEWEST_CLIPS} clips or more"
        if len(table) > _SHOWN_SPEAKERS:
            note += f", the {_SHOWN_SPEAKERS} with the lowest accuracy"
    return Grouping("by speaker", note, cohorts)
