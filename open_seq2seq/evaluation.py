"""Exact evaluation: every clip counts once, however many workers share the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from open_seq2seq.components import Loss
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, KerasModel, Tensor

# section of a config -> split in metrics
SPLIT_OF_SECTION = {"eval": "val", "test": "test"}


class Evaluation(NamedTuple):
    """Metrics of a model on a dataset; accuracies and recalls are from 0 to 1."""

    n_clips: int
    loss: float  # mean over the clips, nats
    top1: float
    top5: float
    recall: dict[str, float | None]  # by label; None where the data has no clip of it
    seconds: float


class Evaluator:
    """Evaluates one model on any dataset; traces its graph once."""

    def __init__(self, model: KerasModel, loss: Loss, workers: Workers) -> None:
        self._model = model
        self._loss = loss
        self._workers = workers
        self._step = tf.function(self._run, autograph=False)

    def evaluate(
        self, dataset: Dataset, batch_size: int, should_stop: Callable[[], bool] = lambda: False
    ) -> Evaluation | None:
        """Evaluate on all of ``dataset``, which the workers share.

        Args:
            dataset: what to evaluate on.
            batch_size: clips at a time, for each worker.
            should_stop: is asked before each batch.

        Returns:
            None where any worker should stop.
        """
        started = time.monotonic()
        n_labels = len(dataset.labels)
        sums = np.zeros(2)  # loss, clips whose label is among the five highest logits
        confusion = np.zeros((n_labels, n_labels))  # [label, prediction]
        sampler = Sampler(
            len(dataset), batch_size, rank=self._workers.rank, size=self._workers.size
        )
        for (batch,) in dataset.batches(sampler.in_order()):
            if self._workers.any(should_stop()):
                return None
            losses, predictions, in_top5 = (output.numpy() for output in self._step(batch))
            weights = batch.weights.numpy()
            sums += (losses @ weights, in_top5 @ weights)
            np.add.at(confusion, (batch.labels.numpy(), predictions), weights)
        totals = self._workers.total(np.concatenate([sums, confusion.ravel()]))
        confusion = totals[2:].reshape(n_labels, n_labels)
        n_clips = confusion.sum()
        per_label = confusion.sum(axis=1)
        return Evaluation(
            n_clips=int(n_clips),
            loss=float(totals[0] / n_clips),
            top1=float(np.trace(confusion) / n_clips),
            top5=float(totals[1] / n_clips),
            recall={
                label: float(confusion[i, i] / per_label[i]) if per_label[i] else None
                for i, label in enumerate(dataset.labels)
            },
            seconds=time.monotonic() - started,
        )

    def _run(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        logits = self._model(batch.inputs, training=False)
        in_top5 = tf.math.in_top_k(batch.labels, logits, k=min(5, logits.shape[-1]))
        return (
            self._loss(logits, batch),
            tf.argmax(logits, axis=-1, output_type=tf.int32),
            tf.cast(in_top5, tf.float32),
        )
