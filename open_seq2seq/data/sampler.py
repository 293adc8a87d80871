"""Which rows stand in which step, on which worker."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Plan(NamedTuple):
    """One worker's share of one pass over the data."""

    rows: np.ndarray  # int64 [steps, iter_size, batch]
    weights: np.ndarray  # float32, same shape; 0 where a row only fills the last step


class DataPosition(NamedTuple):
    """Data position of a run: an epoch, and how many rows of its order are done."""

    epoch: int = 0
    row: int = 0


class Sampler(NamedTuple):
    """Shares every epoch between the workers, each row exactly once over all of them.

    A step takes ``size * iter_size * batch_size`` rows, and the same ones whatever ``size`` is as
    long as that product stays. The last step is filled with rows of weight 0, real clips so that
    BatchNorm sees nothing odd. All workers run the same number of steps.
    """

    n_rows: int
    batch_size: int
    iter_size: int = 1
    rank: int = 0
    size: int = 1

    @property
    def rows_per_step(self) -> int:
        return self.size * self.iter_size * self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.n_rows // self.rows_per_step)

    def in_order(self) -> Plan:
        """Every row once, in file order, with weights 1 and 0: for evaluation."""
        order, is_real = self._fill(np.arange(self.n_rows))
        return self._share(order, is_real.astype(np.float32))

    def after_step(self, position: DataPosition) -> DataPosition:
        """Return where a run stands after a step from ``position``."""
        row = position.row + self.rows_per_step
        return (
            DataPosition(position.epoch, row)
            if row < self.n_rows
            else DataPosition(position.epoch + 1)
        )

    def steps_left(self, position: DataPosition, n_epochs: int) -> int:
        """Return the number of steps from ``position`` to the end of ``n_epochs`` epochs."""
        in_epoch = -(-(self.n_rows - position.row) // self.rows_per_step)
        return in_epoch + (n_epochs - position.epoch - 1) * self.steps_per_epoch

    def for_training(self, seed: int, epoch: int, *, shuffle: bool, first_row: int = 0) -> Plan:
        """One epoch for training, or what is left of it from ``first_row`` of its order on.

        Weights are scaled so that the mean of ``weight * loss`` over a worker's rows, averaged over
        iterations and workers, is the mean loss of the step's real rows, in the last step too.
        """
        rows: np.ndarray = np.arange(self.n_rows)
        if shuffle:
            rows = np.random.default_rng([seed, epoch, 0x6F72646572]).permutation(self.n_rows)
        order, is_real = self._fill(rows, first_row)
        per_step = is_real.reshape(-1, self.rows_per_step)
        scale = per_step.shape[1] / per_step.sum(axis=1, keepdims=True)
        return self._share(order, (per_step * scale).astype(np.float32).reshape(-1))

    def _fill(self, rows: np.ndarray, first_row: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return whole steps from ``first_row`` on, and which of their rows are real.

        What fills the last step is the same wherever the first begins.
        """
        n_steps = -(-(self.n_rows - first_row) // self.rows_per_step)
        end = first_row + n_steps * self.rows_per_step
        is_real = np.arange(end) < self.n_rows
        return np.resize(rows, end)[first_row:], is_real[first_row:]

    def _share(self, order: np.ndarray, weights: np.ndarray) -> Plan:
        shape = (-1, self.iter_size, self.size, self.batch_size)
        return Plan(order.reshape(shape)[:, :, self.rank], weights.reshape(shape)[:, :, self.rank])
