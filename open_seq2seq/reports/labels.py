"""How each label fares: precision, recall and F1 with intervals, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.evaluation import wilson_interval


class Fraction(NamedTuple):
    """A fraction that was measured, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int  # of what

    @classmethod
    def of(cls, k: float, n: int) -> Fraction | None:
        """Return ``k`` of ``n`` with Wilson's score interval; None of nothing."""
        if not n:
            return None
        return cls(k / n, *wilson_interval(k / n, n), n)


class LabelScores(NamedTuple):
    """Scores of one label; None where there is nothing to count."""

    label: str
    precision: Fraction | None  # of the clips that were taken for it
    recall: Fraction | None  # of the clips that say it
    f1: Fraction | None


def confusion(clips: pd.DataFrame, labels: Sequence[str]) -> np.ndarray:
    """Return how many clips of each label were taken for each label, int [label, prediction]."""
    index = {label: i for i, label in enumerate(labels)}
    counts: np.ndarray = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (clips["label"].map(index), clips["prediction"].map(index)), 1)
    return counts


def score_labels(counts: np.ndarray, labels: Sequence[str]) -> list[LabelScores]:
    """Return the scores of each label of a confusion matrix."""
    right, said, heard = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return [
        LabelScores(
            label,
            Fraction.of(int(right[i]), int(heard[i])),
            Fraction.of(int(right[i]), int(said[i])),
            _f1(int(right[i]), int(said[i] + heard[i] - right[i])),
        )
        for i, label in enumerate(labels)
    ]


def _f1(right: int, n: int) -> Fraction | None:
    """Return F1 and its interval, of the clips that say a label or were taken for it.

    The fraction of them that do both, F, has Wilson's interval, and F1 = 2 F / (1 + F) rises with
    it (K. F. Y. Lam, V. Gopal, J. Qian, Confidence intervals for the F1 score, 2023).
    """
    both = Fraction.of(right, n)
    if both is None:
        return None
    value, low, high = (2 * each / (1 + each) for each in both[:3])
    return Fraction(value, low, high, n)
