"""Loss scales that keep small gradients of half precision from vanishing."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import tf


class LossScaling(Params):
    """Parameters of a loss scale; `create` makes the one that a run keeps."""

    def create(self) -> LossScaler:
        raise NotImplementedError(f"{type(self).__name__}.create")


class ConstantScale(LossScaling):
    """One number for the whole run."""

    scale: float = Field(default=1.0, gt=0, description="Factor of the loss.")

    def create(self) -> LossScaler:
        return LossScaler(self.scale)


class Backoff(LossScaling):
    """Divided by ``step_factor`` after an overflow, multiplied after ``step_window`` steps without
    one.
    """

    scale_min: float = Field(default=1.0, gt=0, description="Lowest scale.")
    scale_max: float = Field(default=2.0**14, gt=0, description="Highest scale, and the first one.")
    step_factor: float = Field(default=2.0, gt=1, description="Factor of each change.")
    step_window: int = Field(
        default=2000, gt=0, description="Steps since the last overflow before the scale grows."
    )

    def create(self) -> LossScaler:
        return BackoffScaler(self)


class LogMax(LossScaling):
    """As large as the largest gradients seen lately allow.

    log2 of the largest gradient is followed by a moving mean and deviation, and the scale is
    2^(log_max - mean - overflow_std_dev * deviation): it rarely overflows if the logarithms are
    normally distributed.
    """

    scale_min: float = Field(default=1.0, gt=0, description="Lowest scale, and the first one.")
    scale_max: float = Field(default=2.0**14, gt=0, description="Highest scale.")
    log_max: float = Field(
        default=16.0, description="log2 of the largest number of half precision."
    )
    beta1: float = Field(default=0.99, ge=0, lt=1, description="Decay of the mean.")
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Decay of the moments that the deviation comes from."
    )
    overflow_std_dev: float = Field(
        default=3.09, ge=0, description="Deviations to stay away from log_max."
    )

    def create(self) -> LossScaler:
        return LogMaxScaler(self)


class LossScaler:
    """A constant scale; subclasses change ``value`` in `update`."""

    def __init__(self, scale: float) -> None:
        self.value = tf.Variable(scale, trainable=False, dtype=tf.float32, name="loss_scale")

    @property
    def variables(self) -> list[Any]:
        """The state that a checkpoint keeps."""
        return [self.value]

    def update(self, is_finite: Any, largest: Any) -> None:
        """Take note of the last step's gradients: whether they were finite, and their largest
        absolute value.
        """


class BackoffScaler(LossScaler):
    """See `Backoff`."""

    def __init__(self, params: Backoff) -> None:
        super().__init__(params.scale_max)
        self._params = params
        self._n_good = tf.Variable(0, trainable=False, dtype=tf.int32, name="steps_since_overflow")

    @property
    def variables(self) -> list[Any]:
        return [self.value, self._n_good]

    def update(self, is_finite: Any, largest: Any) -> None:
        p = self._params
        n_good = tf.where(is_finite, self._n_good + 1, 0)
        grows = n_good >= p.step_window
        factor = tf.where(is_finite, tf.where(grows, p.step_factor, 1.0), 1.0 / p.step_factor)
        self.value.assign(tf.clip_by_value(self.value * factor, p.scale_min, p.scale_max))
        self._n_good.assign(tf.where(grows, 0, n_good))


class LogMaxScaler(LossScaler):
    """See `LogMax`."""

    def __init__(self, params: LogMax) -> None:
        super().__init__(params.scale_min)
        self._params = params
        names = (
            "log_mean",
            "log_slow_mean",
            "log_slow_square",
            "log_beta1_power",
            "log_beta2_power",
        )
        starts = (0.0, 0.0, 0.0, 1.0, 1.0)
        self._state = [
            tf.Variable(start, trainable=False, dtype=tf.float32, name=name)
            for name, start in zip(names, starts, strict=True)
        ]

    @property
    def variables(self) -> list[Any]:
        return [self.value, *self._state]

    def update(self, is_finite: Any, largest: Any) -> None:
        p = self._params
        tiny = 2.0**-126  # the logarithm of a gradient that is all zeros would poison the means
        log = tf.where(
            is_finite, tf.math.log(tf.maximum(largest, tiny)) / tf.math.log(2.0), p.log_max
        )
        seen = (log, log, log * log, 0.0, 0.0)
        betas = (p.beta1, p.beta2, p.beta2, p.beta1, p.beta2)
        mean, slow_mean, slow_square, power1, power2 = (
            state.assign(beta * state + (1.0 - beta) * value)
            for state, beta, value in zip(self._state, betas, seen, strict=True)
        )
        deviation = tf.sqrt(
            tf.maximum(slow_square / (1 - power2) - tf.square(slow_mean / (1 - power2)), 0.0)
        )
        scale = tf.pow(2.0, p.log_max - mean / (1.0 - power1) - p.overflow_std_dev * deviation)
        self.value.assign(tf.clip_by_value(scale, p.scale_min, p.scale_max))


LOSS_SCALINGS: dict[str, type[LossScaling]] = {"Backoff": Backoff, "LogMax": LogMax}
