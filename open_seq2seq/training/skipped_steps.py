"""Steps with non-finite gradients: one is skipped; many, or the last ones, fail the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError, counted
from open_seq2seq.structs import Batch

_N_NAMED = 3


class SkippedSteps:
    """Counts consecutive skipped steps and keeps the data of the first of them.

    Attributes:
        n_consecutive: skipped steps since the last one that was applied.
    """

    def __init__(
        self,
        limit: int,
        paths: Sequence[str],
        is_finite: Callable[[Batch], bool],
        workers: Workers,
        n_consecutive: int = 0,
    ) -> None:
        """Begin to count.

        Args:
            limit: so many consecutive ones end the run.
            paths: of the dataset's clips, by row.
            is_finite: tells whether a batch gives a loss and gradients that are finite.
            workers: skip the same steps, each with clips of its own.
            n_consecutive: skipped before the run was resumed.
        """
        self._limit, self._paths, self._is_finite, self._workers = limit, paths, is_finite, workers
        self.n_consecutive = n_consecutive
        self._first: tuple[int, tuple[Batch, ...], np.ndarray] | None = None

    def count(self, step: int, skipped: bool, batches: tuple[Batch, ...], rows: np.ndarray) -> None:
        """Count a step, with int rows [iter_size, batch] of the dataset.

        Raises:
            UserError: too many consecutive ones were skipped; raised on all workers.
        """
        if not skipped:
            self.n_consecutive = 0
            self._first = None
            return
        if self._first is None:
            self._first = step, batches, rows
        self.n_consecutive += 1
        if self.n_consecutive >= self._limit:
            raise UserError(
                f"training diverged: the gradients of the last "
                f"{counted(self.n_consecutive, 'step')} were "
                f"not finite. {self._blame()}. The last checkpoint is intact"
            )

    def check_end(self, n_steps: int, last_loss: float) -> None:
        """Refuse to call a run done whose last steps were skipped.

        A single one is no failure if its loss is finite: an adaptive loss scale tries out too
        large a value now and then.

        Args:
            n_steps: of the whole run.
            last_loss: of the last step.

        Raises:
            UserError: the last steps were skipped; raised on all workers.
        """
        n = self.n_consecutive
        if n == 0 or (n == 1 and n_steps > 1 and np.isfinite(last_loss)):
            return
        which, weights = f"the last {n} of {n_steps} steps", f"the weights after step {n_steps - n}"
        if n == n_steps:
            which, weights = "all of its steps", "the initial weights"
        raise UserError(
            f"training ended without success: {which} were skipped, because their loss or "
            f"gradients were not finite. {self._blame()}. The last checkpoint is intact and "
            f"has {weights}"
        )

    def _blame(self) -> str:
        """Look at the first skipped step's clips one by one; the weights are still the same."""
        if self._first is None:
            return "They were skipped before the run was resumed: lower the learning rate"
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
                f"{len(bad)} of the {counted(n_clips, 'clip')} of step {step} give such gradients, "
                f"{bad[0]} is the first: lower the learning rate or the loss scale, or go back to "
                "an earlier checkpoint"
            )
        return (
            f"The first were those of step {step}, with these clips: "
            f"{', '.join(bad[:_N_NAMED])}; look at them"
        )
