"""Exact evaluation: every clip counts once, however many workers share the work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from open_seq2seq.components import Loss
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError, counted
from open_seq2seq.layers.outputs import as_probabilities
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, KerasModel, OutputKind, Tensor

_Z_95 = 1.959964  # quantile of the normal distribution at 0.975
# section of a config -> split in metrics
SPLIT_OF_SECTION = {"eval": "val", "test": "test"}


class Detection(NamedTuple):
    """How many keywords a model finds on validation tracks at a rate of false accepts."""

    recall: float  # 0 where the rate is not reached
    false_accepts_per_hour: float  # at most
    hours: float  # of the tracks


class Occasion(NamedTuple):
    """When a model was evaluated, and on what."""

    mode: str  # of the command
    split: str  # val or test
    step: int
    epoch: float
    dataset_version: str


class ClipOutputs(NamedTuple):
    """What a model gave for each clip of a dataset, in its order; arrays of one length."""

    predictions: np.ndarray  # int64, index of the most probable label
    probabilities: np.ndarray  # float64, of that label
    of_label: np.ndarray  # float64, of the right label
    losses: np.ndarray  # float64, nats


class Evaluation(NamedTuple):
    """Metrics of a model on a dataset; accuracies and recalls are from 0 to 1."""

    n_clips: int
    loss: float  # mean over the clips, nats
    top1: float
    top5: float
    recall: dict[str, float | None]  # by label; None where the data has no clip of it
    seconds: float
    n_by_label: dict[str, int] | None = None  # clips; None where they were not counted
    n_non_finite: int = 0  # clips for which the model's outputs are NaN or infinite
    detection: Detection | None = None  # where there are validation tracks
    clips: ClipOutputs | None = None

    @property
    def mean_recall(self) -> float:
        """Mean of the recalls of the labels, of those that have clips."""
        recalls = [recall for recall in self.recall.values() if recall is not None]
        return sum(recalls) / len(recalls)

    @property
    def top1_interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy that the model has on all clips of this kind."""
        return wilson_interval(self.top1, self.n_clips)

    @property
    def top1_interval_text(self) -> str:
        """The interval as the terminal shows it beside the accuracy."""
        low, high = self.top1_interval
        return f"95% interval {low:.1%} to {high:.1%}"

    def worse_labels(self) -> list[tuple[str, float, int]]:
        """Return label, recall and clips of the labels that are clearly below the accuracy.

        The worst comes first. The number of their clips is taken into account: even the upper end
        of the 95 % interval of their recall is below.
        """
        worse = []
        for label, n in (self.n_by_label or {}).items():
            recall = self.recall[label]
            if recall is None or recall >= self.top1:  # the interval's end is rounded
                continue
            if wilson_interval(recall, n)[1] < self.top1:
                worse.append((label, recall, n))
        return sorted(worse, key=lambda each: each[1])

    def check_finite(self, split: str) -> None:
        """Refuse a model whose outputs are not finite.

        Raises:
            UserError: those for some clips of ``split`` are not.
        """
        if self.n_non_finite:
            raise UserError(
                f"{split}: the model's outputs are NaN or infinite for {self.n_non_finite} of "
                f"{counted(self.n_clips, 'clip')}, so that their labels mean nothing. "
                f"{NON_FINITE_ADVICE}"
            )


def wilson_interval(fraction: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a probability that was measured in ``n`` trials.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    z2 = _Z_95 * _Z_95
    centre = (fraction + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 * math.sqrt(fraction * (1 - fraction) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


class Evaluator:
    """Evaluates one model on any dataset; traces its graph once."""

    def __init__(
        self, model: KerasModel, loss: Loss, outputs: OutputKind, workers: Workers
    ) -> None:
        self._model, self._loss, self._outputs = model, loss, outputs
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
        # loss, clips whose label is among the five highest logits, clips with bad logits
        sums = np.zeros(3)
        confusion = np.zeros((n_labels, n_labels))  # [label, prediction]
        of_clips = np.zeros((len(dataset), len(ClipOutputs._fields)))
        sampler = Sampler(
            len(dataset), batch_size, rank=self._workers.rank, size=self._workers.size
        )
        plan = sampler.in_order()
        for slots, (batch,) in zip(plan.rows[:, 0], dataset.batches(plan), strict=True):
            if self._workers.any(should_stop()):
                return None
            # float64: losses of a model that diverges add up to more than float32 holds
            outputs = [output.numpy().astype(np.float64) for output in self._step(batch)]
            in_top5, is_bad, predictions, _, _, losses = outputs
            weights = batch.weights.numpy()
            sums += (losses @ weights, in_top5 @ weights, is_bad @ weights)
            np.add.at(confusion, (batch.labels.numpy(), predictions.astype(int)), weights)
            is_real = weights > 0
            of_clips[slots[is_real]] = np.stack(outputs[2:], axis=1)[is_real]
        totals = self._workers.total(np.concatenate([sums, confusion.ravel()]))
        confusion = totals[3:].reshape(n_labels, n_labels)
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
            n_by_label=dict(zip(dataset.labels, map(int, per_label), strict=True)),
            n_non_finite=int(totals[2]),
            clips=self._gathered(of_clips),
        )

    def _gathered(self, of_clips: np.ndarray) -> ClipOutputs:
        """Put together what each worker has of the clips, zeros elsewhere."""
        predictions, *others = self._workers.total(of_clips).T
        return ClipOutputs(predictions.astype(int), *others)

    def _run(self, batch: Batch) -> tuple[Tensor, ...]:
        logits = self._model(batch.inputs, training=False)
        in_top5 = tf.math.in_top_k(batch.labels, logits, k=min(5, logits.shape[-1]))
        predictions = tf.argmax(logits, axis=-1, output_type=tf.int32)
        probabilities = as_probabilities(logits, self._outputs)
        return (
            tf.cast(in_top5, tf.float32),
            1.0 - tf.cast(tf.reduce_all(tf.math.is_finite(logits), axis=-1), tf.float32),
            predictions,
            tf.gather(probabilities, predictions, batch_dims=1),
            tf.gather(probabilities, batch.labels, batch_dims=1),
            self._loss(logits, batch),
        )
