"""Whether the difference of two accuracies on the same clips means anything."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

_N_DRAWS = 10_000
_SEED = 0


class Difference(NamedTuple):
    """Accuracy of a second model minus that of a first one, on the same clips."""

    value: float
    low: float  # 95 % interval, of a bootstrap over speakers
    high: float
    p_value: float  # of a difference this large, either way, between equals
    n_first: int  # clips that the first one alone gets right
    n_second: int
    n_speakers: int


def difference(first: np.ndarray, second: np.ndarray, speakers: np.ndarray) -> Difference:
    """Compare two models.

    Args:
        first: fraction of the first model's seeds that get each clip right, [clips]; of one seed
            0 or 1.
        second: the same of the other model.
        speakers: of each clip; clips of one speaker are drawn together.
    """
    gains = second - first
    low, high, n_speakers = _interval(gains, speakers)
    return Difference(
        float(gains.mean()),
        low,
        high,
        _p_value(gains),
        int((gains < 0).sum()),
        int((gains > 0).sum()),
        n_speakers,
    )


def _p_value(gains: np.ndarray) -> float:
    """Return McNemar's exact p of two single models; of several seeds that of random signs.

    Where the models are equals, each difference could as well have the other sign. With differences
    of 1 alone the number of positive ones is binomial (Q. McNemar, Note on the sampling error of
    the difference between correlated proportions or percentages, 1947).
    """
    given = gains[gains != 0]
    if not len(given):
        return 1.0
    sizes = np.abs(given)
    if np.all(sizes == 1.0):
        return float(stats.binomtest(int((given > 0).sum()), len(given)).pvalue)
    rng = np.random.default_rng(_SEED)
    observed = abs(given.sum()) - 1e-9
    n_as_large = 0
    for _ in range(0, _N_DRAWS, 100):
        signs = rng.integers(0, 2, (100, len(given))) * 2 - 1
        n_as_large += int((np.abs(signs @ sizes) >= observed).sum())
    return (1 + n_as_large) / (1 + _N_DRAWS)


def _interval(gains: np.ndarray, speakers: np.ndarray) -> tuple[float, float, int]:
    """Return the 95 % interval of the mean when speakers are drawn with replacement."""
    _, index = np.unique(speakers, return_inverse=True)
    sums, sizes = np.bincount(index, gains), np.bincount(index)
    n = len(sizes)
    rng = np.random.default_rng(_SEED)
    means = []
    for _ in range(0, _N_DRAWS, 100):
        drawn = rng.integers(0, n, (100, n))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high), n
