"""Several sources of rows in one epoch: how many rows of each, and which ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_STREAM = 0x6D697874757265  # sets the order within a source apart from other draws


class Mixture(NamedTuple):
    """How many rows each source has, and how many of them an epoch has.

    An epoch has slots, in the order of the sources. Over the epochs each source is gone through
    again and again, in a new order each time, so that its rows are seen equally often.
    """

    sizes: tuple[int, ...]  # rows of each source
    counts: tuple[int, ...]  # slots of each source in an epoch

    @classmethod
    def of(
        cls, sizes: Sequence[int], weights: Sequence[float], n_slots: int | None = None
    ) -> Mixture:
        """Share an epoch among sources.

        Args:
            sizes: rows of each source.
            weights: of each source, 0 or more, not all of them 0.
            n_slots: of an epoch; None: as many as show each row of the first source once. A first
                source of weight 0 is passed over.
        """
        if n_slots is None:
            first = next(index for index, weight in enumerate(weights) if weight)
            factor = sizes[first] / weights[first]
            return cls(tuple(sizes), tuple(round(factor * weight) for weight in weights))
        # the largest remainders get what is left over by rounding down
        quotas = [n_slots * weight / math.fsum(weights) for weight in weights]
        counts = np.floor(quotas).astype(int)
        by_remainder = np.argsort(counts - np.array(quotas), kind="stable")
        counts[by_remainder[: n_slots - counts.sum()]] += 1
        return cls(tuple(sizes), tuple(counts.tolist()))

    @property
    def n_slots(self) -> int:
        """Slots of an epoch."""
        return sum(self.counts)

    def rows(self, seed: int, epoch: int) -> np.ndarray:
        """Return the row in each slot of an epoch, int64 [n_slots]; it is the same whoever asks.

        Args:
            seed: of the run.
            epoch: counted from 0.
        """
        first_rows = np.cumsum([0, *self.sizes[:-1]])
        sources = enumerate(zip(first_rows, self.sizes, self.counts, strict=True))
        parts = [
            first + _rows_of_source(size, count, [seed, _STREAM, source], epoch)
            for source, (first, size, count) in sources
        ]
        return np.concatenate(parts)


def _rows_of_source(size: int, count: int, seed: list[int], epoch: int) -> np.ndarray:
    if count == size:
        return np.arange(size)  # the sampler shuffles the slots
    first, end = epoch * count, (epoch + 1) * count  # of the endless sequence of orders
    if not count:
        return np.zeros(0, np.int64)
    orders = range(first // size, -(-end // size))
    sequence = [np.random.default_rng([*seed, order]).permutation(size) for order in orders]
    skipped = first - orders[0] * size
    return np.concatenate(sequence)[skipped : skipped + count]
