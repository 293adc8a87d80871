"""One training step, readable top to bottom."""

from __future__ import annotations

from typing import Any

import numpy as np

from open_seq2seq.components import Loss
from open_seq2seq.distributed import Workers
from open_seq2seq.lazy import tf
from open_seq2seq.optimizers.larc import LARC
from open_seq2seq.optimizers.loss_scaling import LossScaler
from open_seq2seq.structs import Batch, StepDetails, StepMetrics
from open_seq2seq.training.weight_average import WeightAverage


class TrainStep:
    """Forward, loss and penalty, gradients, average over the workers, clip, apply, and the loss
    scale.
    """

    def __init__(
        self,
        model: Any,
        loss: Loss,
        optimizer: Any,
        scaler: LossScaler,
        workers: Workers,
        *,
        frozen: list[Any] | None = None,
        max_grad_norm: float | None = None,
        larc: LARC | None = None,
        average: WeightAverage | None = None,
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
            frozen: trainable variables of the model that stay as they are.
            max_grad_norm: longer gradients are scaled to this global norm.
            larc: scales the gradient of each variable.
            average: follows the weights.
            keep_details: whether metrics hold what happened to each variable.
            use_xla_jit: compile forward and backward pass.
        """
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._scaler = scaler
        self._workers = workers
        self._max_grad_norm = max_grad_norm
        self._larc = larc
        self._average = average
        self._keep_details = keep_details
        self._variables = trained_variables(model, frozen or [])
        self._backward = tf.function(
            self._gradients, jit_compile=use_xla_jit or None, autograph=False
        )
        self._step = tf.function(self._run, autograph=False)

    def __call__(
        self, batches: tuple[Batch, ...], learning_rate: float, stop: bool = False
    ) -> tuple[StepMetrics, Any]:
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
        """Tell whether a batch by itself gives a loss and gradients that are finite; nothing is
        applied.
        """
        loss, gradients = self._backward(batch)
        return bool(
            tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in (loss, *gradients)])
        )

    def _gradients(self, batch: Batch) -> tuple[Any, list[Any]]:
        """Return the loss and the gradients of the scaled, penalized loss."""
        with tf.GradientTape() as tape:
            logits = self._model(batch.inputs, training=True)
            loss = tf.reduce_mean(self._loss(logits, batch, training=True) * batch.weights)
            penalty = tf.add_n(self._model.losses) if self._model.losses else 0.0
            scaled_loss = (loss + penalty) * self._scaler.value
        return loss, tape.gradient(scaled_loss, [v.value for v in self._variables])

    def _run(
        self, batches: tuple[Batch, ...], learning_rate: Any, stop: Any
    ) -> tuple[StepMetrics, Any]:
        statistics = [v.value for v in self._model.non_trainable_variables if "float" in v.dtype]
        before = [tf.identity(value) for value in statistics]

        losses, parts = zip(*map(self._backward, batches), strict=True)
        own = [_mean(same_variable) for same_variable in zip(*parts, strict=True)]
        # the only distributed line; the loss and the wish to stop travel with the gradients
        *gradients, loss, stop = self._workers.average([*own, _mean(losses), stop])

        # until they are applied, the gradients stay as they are and only their lengths and one
        # factor for each are computed: with 200 million parameters every pass over them counts
        unscale = 1.0 / self._scaler.value
        lengths = [length(gradient) * unscale for gradient in gradients]
        norm = length(tf.stack(lengths))
        is_finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        largest = (
            tf.reduce_max([tf.reduce_max(tf.abs(gradient)) for gradient in gradients]) * unscale
        )
        shrink = tf.constant(1.0)
        if self._max_grad_norm is not None:
            shrink = tf.minimum(1.0, self._max_grad_norm / tf.maximum(norm, 1e-12))
        larc_factors = []
        if self._larc is not None:
            weights = [length(v.value) for v in self._variables]
            larc_factors = self._larc.factors(
                [shrink * each for each in lengths], weights, learning_rate
            )
        factors = [unscale * shrink * larc for larc in larc_factors or [1.0] * len(gradients)]

        def apply() -> None:
            self._optimizer.learning_rate.assign(learning_rate)
            scaled = [
                gradient * factor for gradient, factor in zip(gradients, factors, strict=True)
            ]
            self._optimizer.apply(scaled, self._variables)
            if self._average is not None:
                self._average.update()

        tf.cond(is_finite, apply, lambda: None)
        # the forward pass has updated BatchNorm's statistics already: put them back if it was not
        # finite
        for value, old in zip(statistics, before, strict=True):
            value.assign(tf.where(is_finite, value, old))
        details = None
        if self._keep_details:
            details = StepDetails(
                [gradient * unscale * shrink for gradient in gradients], larc_factors
            )
        metrics = StepMetrics(loss, norm, tf.identity(self._scaler.value), ~is_finite, details)
        self._scaler.update(is_finite, largest)
        return metrics, stop > 0.0


def length(values: Any) -> Any:
    """Return the Euclidean norm of a tensor in one pass, without a copy of it."""
    return tf.sqrt(2.0 * tf.nn.l2_loss(values))


def _mean(values: tuple[Any, ...]) -> Any:
    return tf.add_n(values) / len(values) if len(values) > 1 else values[0]


def trained_variables(model: Any, frozen: list[Any]) -> list[Any]:
    """Return the variables that training changes."""
    frozen_ids = {id(variable) for variable in frozen}
    return [variable for variable in model.trainable_variables if id(variable) not in frozen_ids]
