"""Steps with non-finite gradients: one is skipped, many consecutive ones end the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.structs import Batch

_N_NAMED = 3


class SkippedSteps:
    """Counts consecutive skipped steps and keeps the data of the first of them."""

    def __init__(
        self, limit: int, paths: Sequence[str], is_finite: Callable[[Batch], bool], workers: Workers
    ) -> None:
        """Count from zero.

        Args:
            limit: so many consecutive ones end the run.
            paths: of the dataset's clips, by row.
            is_finite: tells whether a batch gives a loss and gradients that are finite.
            workers: skip the same steps, each with clips of its own.
        """
        self._limit, self._paths, self._is_finite, self._workers = limit, paths, is_finite, workers
        self._n_consecutive = 0

    def count(self, step: int, skipped: bool, batches: tuple[Batch, ...], rows: np.ndarray) -> None:
        """Count a step, with int rows [iter_size, batch] of the dataset.

        Raises:
            UserError: too many consecutive ones were skipped; raised on all workers.
        """
        if not skipped:
            self._n_consecutive = 0
            return
        if not self._n_consecutive:
            self._first = step, batches, rows
        self._n_consecutive += 1
        if self._n_consecutive >= self._limit:
            raise UserError(
                f"training diverged: the gradients of the last {self._n_consecutive} steps were "
                f"not finite. {self._blame()}. The last checkpoint is intact"
            )

    def _blame(self) -> str:
        """Look at the first skipped step's clips one by one; the weights are still the same."""
        step, batches, rows = self._first
        bad, n_clips = [], 0
        for batch, batch_rows in zip(batches, rows, strict=True):
            weights = np.asarray(batch.weights)
            for i in np.flatnonzero(weights):
                n_clips += 1
                if not self._is_finite(Batch(*(part[i : i + 1] for part in batch))):
                    bad.append(self._paths[batch_rows[i]])
        of_workers = self._workers.gather((bad, n_clips))
        bad = list(dict.fromkeys(path for paths, _ in of_workers for path in paths))
        n_clips = sum(n for _, n in of_workers)
        if not bad:
            return (
                f"No clip of step {step} is to blame by itself: lower the learning rate or the "
                "loss scale"
            )
        if len(bad) > n_clips // 2:
            return (
                f"{len(bad)} of the {n_clips} clips of step {step} give such gradients, {bad[0]} "
                "is the first: lower the learning rate or the loss scale, or go back to an earlier "
                "checkpoint"
            )
        return (
            f"The first were those of step {step}, with these clips: "
            f"{', '.join(bad[:_N_NAMED])}; look at them"
        )
