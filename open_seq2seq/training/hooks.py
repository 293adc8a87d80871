"""Hooks: functions of one's own that a training run calls; a config file may add some."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.sampler import DataPosition
from open_seq2seq.distributed import Workers
from open_seq2seq.storage.progress import Progress
from open_seq2seq.structs import Batch, StepMetrics


class StepRecord(NamedTuple):
    """What one training step did in one process."""

    step: int  # the first is 1
    workers: Workers  # this process among all
    position: DataPosition  # before the step
    rows: np.ndarray  # int [iter_size, batch], rows of the dataset
    batches: tuple[Batch, ...]
    learning_rate: float
    metrics: StepMetrics


# called in each process before the first step; in elastic training also after each change
before_start: list[Callable[[Progress, Workers], None]] = []
# called in each process after each step, before its evaluation and its checkpoint
after_step: list[Callable[[StepRecord], None]] = []
