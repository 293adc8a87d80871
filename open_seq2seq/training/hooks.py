"""Functions that are called after each training step, for measurements of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.sampler import DataPosition
from open_seq2seq.structs import Batch, StepMetrics


class StepRecord(NamedTuple):
    """What one training step did."""

    step: int  # the first is 1
    rank: int
    position: DataPosition  # before the step
    rows: np.ndarray  # int [iter_size, batch], rows of the dataset that this process had
    batches: tuple[Batch, ...]
    learning_rate: float
    metrics: StepMetrics


# a config file may add to it; each process calls its own
after_step: list[Callable[[StepRecord], None]] = []
