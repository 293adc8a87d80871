"""Counts of what a detector found, missed and accepted falsely, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.detection.intervals import poisson_interval
from open_seq2seq.evaluation import wilson_interval

ALL = ""  # in place of a label: all together; no label is empty

Interval = tuple[float, float]


def name_of(label: str) -> str:
    """Return a label as it is shown."""
    return label or "all"


class Counts(NamedTuple):
    """Counts of one label, or of all together, in one corpus or several."""

    label: str  # or `ALL`
    hours: float  # of sound
    said: int = 0
    found: int = 0
    false_accepts: int = 0  # repeats included
    repeats: int = 0  # further events of a word that was found before
    latencies_s: tuple[float, ...] = ()  # from the end of each found word to its event

    @property
    def name(self) -> str:
        """The label as it is shown."""
        return name_of(self.label)

    @property
    def misses(self) -> int:
        """Words that were not found."""
        return self.said - self.found

    @property
    def recall(self) -> float | None:
        """Fraction of the words that were found, None where none is said."""
        return self.found / self.said if self.said else None

    @property
    def recall_interval(self) -> Interval | None:
        """95 % interval of the recall, by Wilson."""
        return wilson_interval(self.found / self.said, self.said) if self.said else None

    @property
    def per_hour(self) -> float | None:
        """False accepts per hour, None where there is no sound."""
        return self.false_accepts / self.hours if self.hours else None

    @property
    def per_hour_interval(self) -> Interval | None:
        """95 % interval of the false accepts per hour, exact."""
        return poisson_interval(self.false_accepts, self.hours) if self.hours else None

    def latency_s(self, percentile: float) -> float | None:
        """Return a percentile of the latency, None where nothing was found."""
        return float(np.percentile(self.latencies_s, percentile)) if self.latencies_s else None

    def as_json(self) -> dict[str, Any]:
        """Return the counts in JSON's types."""
        return {
            "said": self.said,
            "found": self.found,
            "misses": self.misses,
            "recall": self.recall,
            "recall_interval": self.recall_interval,
            "false_accepts": self.false_accepts,
            "repeats": self.repeats,
            "hours": self.hours,
            "false_accepts_per_hour": self.per_hour,
            "false_accepts_per_hour_interval": self.per_hour_interval,
            "latency_median_s": self.latency_s(50),
            "latency_percentile_95_s": self.latency_s(95),
        }


def of_labels(label: str, counts: Iterable[Counts]) -> Counts:
    """Return the counts of several labels in the same sound."""
    each = list(counts)
    return _sum(label, each)._replace(hours=each[0].hours)


def of_corpora(label: str, counts: Iterable[Counts]) -> Counts:
    """Return the counts of a label in several corpora."""
    each = list(counts)
    return _sum(label, each)._replace(hours=sum(one.hours for one in each))


def _sum(label: str, counts: list[Counts]) -> Counts:
    return Counts(
        label,
        0.0,
        sum(each.said for each in counts),
        sum(each.found for each in counts),
        sum(each.false_accepts for each in counts),
        sum(each.repeats for each in counts),
        tuple(latency for each in counts for latency in each.latencies_s),
    )
