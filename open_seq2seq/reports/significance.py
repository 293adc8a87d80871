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
    # 95 % interval, of a bootstrap over speakers; None for clips of one speaker
    interval: tuple[float, float] | None
    p_value: float  # of a difference this large, either way, between equals
    n_first: int  # clips that the first one alone gets right
    n_second: int
    n_speakers: int
    n_without: int  # clips whose speaker is not known, and which are drawn one by one


def difference(first: np.ndarray, second: np.ndarray, speakers: np.ndarray) -> Difference:
    """Compare two models.

    Args:
        first: fraction of the first model's seeds that get each clip right, [clips]; of one seed
            0 or 1.
        second: the same of the other model.
        speakers: of each clip, whose clips are drawn together; "" where it is not known.
    """
    gains = second - first
    n_speakers = len(set(speakers) - {""})
    return Difference(
        float(gains.mean()),
        None if n_speakers == 1 else _interval(gains, speakers),
        _p_value(gains),
        int((gains < 0).sum()),
        int((gains > 0).sum()),
        n_speakers,
        int((speakers == "").sum()),
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


def _interval(gains: np.ndarray, speakers: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean when speakers are drawn with replacement."""
    numbers = range(len(speakers))
    alone = [f"\n{number}" for number in numbers]  # no speaker has such a name
    _, index = np.unique(np.where(speakers == "", alone, speakers), return_inverse=True)
    sums, sizes = np.bincount(index, gains), np.bincount(index)
    n = len(sizes)
    rng = np.random.default_rng(_SEED)
    means = []
    for _ in range(0, _N_DRAWS, 100):
        drawn = rng.integers(0, n, (100, n))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)
