"""One training step, readable top to bottom."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from open_seq2seq.components import Loss
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.replicas import moving_statistics
from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import tf
from open_seq2seq.losses.label_weights import weighted
from open_seq2seq.optimizers.larc import LARC
from open_seq2seq.optimizers.loss_scaling import LossScaler
from open_seq2seq.structs import Batch, KerasModel, StepDetails, StepMetrics, Tensor, Variable
from open_seq2seq.training.teacher import Teacher
from open_seq2seq.training.weight_average import WeightAverage


class TrainStep:
    """Forward, loss and penalty, gradients, all-reduce, clip, apply, and the loss scale."""

    def __init__(
        self,
        model: KerasModel,
        loss: Loss,
        optimizer: Any,
        scaler: LossScaler,
        workers: Workers,
        *,
        variables: list[Variable] | None = None,
        class_weights: np.ndarray | None = None,
        max_grad_norm: float | None = None,
        larc: LARC | None = None,
        average: WeightAverage | None = None,
        teacher: Teacher | None = None,
        has_new_statistics: bool = True,
        keep_details: bool = False,
        use_xla_jit: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            model: a Keras model from features to logits.
            loss: gives the loss of each clip.
            optimizer: a Keras optimizer, already built on the variables that are trained.
            scaler: gives the factor of the loss.
            workers: average the gradients.
            variables: those that are trained; by default all trainable ones of the model.
            class_weights: by how much clips count, float32 [classes]; by default all the same.
            max_grad_norm: gradients of a larger global norm are scaled to it.
            larc: scales the gradient of each variable.
            average: follows the weights.
            teacher: shows which probabilities the clips should have, beside the labels.
            has_new_statistics: whether the model's moving statistics began as those of a new
                network, so that its first steps forget them sooner.
            keep_details: whether metrics hold what happened to each variable.
            use_xla_jit: compile forward and backward pass.
        """
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._scaler = scaler
        self._workers = workers
        self._class_weights = class_weights
        self._max_grad_norm = max_grad_norm
        self._larc = larc
        self._average, self._teacher = average, teacher
        self._has_new_statistics = has_new_statistics
        self._keep_details = keep_details
        self._variables = variables or model.trainable_variables
        self._backward = tf.function(
            self._gradients, jit_compile=use_xla_jit or None, autograph=False
        )
        self._step = tf.function(self._run, autograph=False)

    def __call__(
        self, batches: tuple[Batch, ...], learning_rate: float, stop: bool = False
    ) -> tuple[StepMetrics, Tensor]:
        """Take one step on ``iter_size`` batches.

        Returns:
            the metrics, and whether ``stop`` was set on any worker: so that all of them stop at the
                same step.
        """
        # NumPy's numbers: of Python's, TensorFlow keeps a copy of each one it has ever seen
        return self._step(
            batches, tf.constant(np.float32(learning_rate)), tf.constant(np.float32(stop))
        )

    def is_finite(self, batch: Batch) -> bool:
        """Tell whether the loss and gradients of a batch are finite; nothing is applied."""
        loss, gradients = self._backward(batch)
        each = [tf.reduce_all(tf.math.is_finite(value)) for value in (loss, *gradients)]
        return bool(tf.reduce_all(each))

    def _gradients(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Return the loss and the gradients of the scaled, penalized loss."""
        if self._class_weights is not None:
            batch = weighted(batch, self._class_weights)
        # outside of the tape, which would keep the teacher's activations
        taught = None if self._teacher is None else self._teacher.logits(batch)
        with tf.GradientTape() as tape:
            with self._warm_up():
                logits = self._model(batch.inputs, training=True)
            losses = self._loss(logits, batch, training=True)
            if self._teacher is not None:
                losses = self._teacher.mixed(losses, logits, taught)
            loss = tf.reduce_mean(losses * batch.weights)
            penalty = tf.add_n(self._model.losses) if self._model.losses else 0.0
            scaled_loss = (loss + penalty) * self._scaler.value
        return loss, tape.gradient(scaled_loss, [v.value for v in self._variables])

    def _warm_up(self) -> contextlib.AbstractContextManager:
        if self._has_new_statistics:
            return batch_norm.steps_before(self._optimizer.iterations.value)
        return contextlib.nullcontext()

    def _run(
        self, batches: tuple[Batch, ...], learning_rate: Tensor, stop: Tensor
    ) -> tuple[StepMetrics, Tensor]:
        statistics = [v.value for v in moving_statistics(self._model)]
        before = [tf.identity(value) for value in statistics]

        # the only distributed line; the loss and the stop signal travel with the gradients
        *gradients, loss, stop = self._workers.average([*self._means(batches), stop])

        # until they are applied, the gradients stay as they are and only their norms and one
        # factor for each are computed: with 200 million parameters every pass over them counts
        unscale = 1.0 / self._scaler.value
        norms = [l2_norm(gradient) * unscale for gradient in gradients]
        norm = l2_norm(tf.stack(norms))
        is_finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        maxima = [tf.reduce_max(tf.abs(gradient)) for gradient in gradients]
        largest = tf.reduce_max(maxima) * unscale
        shrink = tf.constant(1.0)
        if self._max_grad_norm is not None:
            shrink = tf.minimum(1.0, self._max_grad_norm / tf.maximum(norm, 1e-12))
        larc_factors = []
        if self._larc is not None:
            weights = [l2_norm(v.value) for v in self._variables]
            clipped = [shrink * each for each in norms]
            larc_factors = self._larc.factors(clipped, weights, learning_rate)
        factor = unscale * shrink
        factors = [factor * larc for larc in larc_factors] or [factor] * len(gradients)

        def apply() -> None:
            self._optimizer.learning_rate.assign(learning_rate)
            pairs = zip(gradients, factors, strict=True)
            scaled = [gradient * factor for gradient, factor in pairs]
            self._optimizer.apply(scaled, self._variables)
            if self._average is not None:
                self._average.update()

        tf.cond(is_finite, apply, lambda: None)
        # the forward pass has updated BatchNorm's statistics: restore them if it was not finite
        for value, old in zip(statistics, before, strict=True):
            value.assign(tf.where(is_finite, value, old))
        details = None
        if self._keep_details:
            clipped_gradients = [gradient * factor for gradient in gradients]
            details = StepDetails(clipped_gradients, larc_factors)
        metrics = StepMetrics(loss, norm, tf.identity(self._scaler.value), ~is_finite, details)
        self._scaler.update(is_finite, largest)
        return metrics, stop > 0.0

    def _means(self, batches: tuple[Batch, ...]) -> list[Tensor]:
        """Return the batches' mean gradients, and their mean loss."""
        if len(batches) == 1:
            return self._gradients_and_loss(batches[0])
        together = tf.nest.map_structure(lambda *parts: tf.stack(parts), *batches)

        def add(number: Tensor, *sums: Tensor) -> tuple[Tensor, ...]:
            batch = tf.nest.map_structure(lambda part: part[number], together)
            values = self._gradients_and_loss(batch)
            return number + 1, *(a + b for a, b in zip(sums, values, strict=True))

        # a loop: two sets of gradients are alive, of many batches' sum grappler would make one of
        # all sets at once; and the graph is that of one batch
        zeros = [*(tf.zeros_like(v.value) for v in self._variables), tf.constant(0.0)]
        _, *sums = tf.while_loop(
            lambda number, *_: number < len(batches), add, (0, *zeros), parallel_iterations=1
        )
        return [value / len(batches) for value in sums]

    def _gradients_and_loss(self, batch: Batch) -> list[Tensor]:
        loss, gradients = self._backward(batch)
        return [*gradients, loss]


def l2_norm(values: Tensor) -> Tensor:
    """Return the Euclidean norm of a tensor in one pass, without a copy of it."""
    return tf.sqrt(2.0 * tf.nn.l2_loss(values))
