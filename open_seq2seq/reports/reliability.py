"""Whether probabilities mean what they say: reliability diagram and expected calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

N_BINS = 15  # as C. Guo et al., On calibration of modern neural networks, 2017


class Bin(NamedTuple):
    """The clips whose predictions have a probability within an interval."""

    low: float
    high: float
    n: int
    probability: float  # mean
    accuracy: float


class Reliability(NamedTuple):
    """Probabilities of the predictions against how often they are right."""

    bins: list[Bin]  # those with clips
    error: float  # expected calibration error: mean of |probability - accuracy| over the clips


def reliability(probabilities: np.ndarray, is_right: np.ndarray) -> Reliability:
    """Compare probabilities with accuracies, in bins of one width.

    Args:
        probabilities: of the predictions, float [clips].
        is_right: bool [clips].
    """
    # a bin has its upper edge: 1 is in the last one
    index = np.clip(np.ceil(probabilities * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    bins = []
    for i in range(N_BINS):
        of_bin = index == i
        n = int(of_bin.sum())
        if n:
            mean, accuracy = float(probabilities[of_bin].mean()), float(is_right[of_bin].mean())
            bins.append(Bin(i / N_BINS, (i + 1) / N_BINS, n, mean, accuracy))
    off = sum(each.n * abs(each.probability - each.accuracy) for each in bins)
    return Reliability(bins, off / max(1, len(probabilities)))
