"""Loss scaling: a factor of the loss that keeps gradients in half precision from underflow."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor, Variable


class LossScaling(Params):
    """Parameters of loss scaling; `create` returns the scaler of one run."""

    def create(self) -> LossScaler:
        raise NotImplementedError(f"{type(self).__name__}.create")


class ConstantScale(LossScaling):
    """Constant loss scale."""

    scale: float = Field(default=1.0, gt=0, description="Factor by which the loss is multiplied.")

    def create(self) -> LossScaler:
        return LossScaler(self.scale)


class Backoff(LossScaling):
    """Loss scale that shrinks after an overflow and grows after ``step_window`` steps without."""

    scale_min: float = Field(default=1.0, gt=0, description="Lowest loss scale.")
    scale_max: float = Field(
        default=2.0**14, gt=0, description="Highest loss scale, and the initial one."
    )
    step_factor: float = Field(
        default=2.0, gt=1, description="Factor by which the loss scale grows or shrinks."
    )
    step_window: int = Field(
        default=2000,
        gt=0,
        description="Number of steps without an overflow before the loss scale grows.",
    )

    def create(self) -> LossScaler:
        return BackoffScaler(self)


class LogMax(LossScaling):
    """Loss scale set by the statistics of the largest gradients.

    The scale is 2^(log_max - mean - overflow_std_dev * deviation), with the moving mean and
    standard deviation of log2 of each step's largest gradient. Overflows are rare if these
    logarithms are normally distributed.
    """

    scale_min: float = Field(
        default=1.0, gt=0, description="Lowest loss scale, and the initial one."
    )
    scale_max: float = Field(default=2.0**14, gt=0, description="Highest loss scale.")
    log_max: float = Field(
        default=16.0, description="log2 of the largest number that half precision can represent."
    )
    beta1: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description="Decay rate of the moving mean of log2 of the largest gradient.",
    )
    beta2: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Decay rate of the moments that the standard deviation is computed from.",
    )
    overflow_std_dev: float = Field(
        default=3.09,
        ge=0,
        description="Number of standard deviations to keep below log_max.",
    )

    def create(self) -> LossScaler:
        return LogMaxScaler(self)


class LossScaler:
    """A constant scale; subclasses change ``value`` in `update`."""

    def __init__(self, scale: float) -> None:
        self.value = tf.Variable(scale, trainable=False, dtype=tf.float32, name="loss_scale")

    @property
    def variables(self) -> list[Variable]:
        """Variables that a checkpoint stores."""
        return [self.value]

    def update(self, is_finite: Tensor, largest: Tensor) -> None:
        """Update the scale after a step.

        Args:
            is_finite: bool; whether all gradients of the step were finite.
            largest: largest absolute value in the unscaled gradients.
        """


class BackoffScaler(LossScaler):
    """Scaler of `Backoff`."""

    def __init__(self, params: Backoff) -> None:
        super().__init__(params.scale_max)
        self._params = params
        self._n_finite_steps = tf.Variable(
            0, trainable=False, dtype=tf.int32, name="steps_since_overflow"
        )

    @property
    def variables(self) -> list[Variable]:
        return [self.value, self._n_finite_steps]

    def update(self, is_finite: Tensor, largest: Tensor) -> None:
        p = self._params
        n_finite_steps = tf.where(is_finite, self._n_finite_steps + 1, 0)
        grows = n_finite_steps >= p.step_window
        factor = tf.where(is_finite, tf.where(grows, p.step_factor, 1.0), 1.0 / p.step_factor)
        self.value.assign(tf.clip_by_value(self.value * factor, p.scale_min, p.scale_max))
        self._n_finite_steps.assign(tf.where(grows, 0, n_finite_steps))


class LogMaxScaler(LossScaler):
    """Scaler of `LogMax`.

    The moving averages start at 0, as Adam's moments do; dividing by 1 - beta^steps corrects them.
    """

    def __init__(self, params: LogMax) -> None:
        super().__init__(params.scale_min)
        self._params = params
        self._mean = _float_variable("log_mean", 0.0)
        self._slow_mean = _float_variable("log_slow_mean", 0.0)
        self._slow_square = _float_variable("log_slow_square", 0.0)
        self._beta1_power = _float_variable("log_beta1_power", 1.0)
        self._beta2_power = _float_variable("log_beta2_power", 1.0)

    @property
    def variables(self) -> list[Variable]:
        return [
            self.value,
            self._mean,
            self._slow_mean,
            self._slow_square,
            self._beta1_power,
            self._beta2_power,
        ]

    def update(self, is_finite: Tensor, largest: Tensor) -> None:
        p = self._params
        tiny = 2.0**-126  # log2(0), where all gradients are zero, would make the averages infinite
        log = tf.math.log(tf.maximum(largest, tiny)) / tf.math.log(2.0)
        log = tf.where(is_finite, log, p.log_max)
        mean = _update_average(self._mean, log, p.beta1)
        slow_mean = _update_average(self._slow_mean, log, p.beta2)
        slow_square = _update_average(self._slow_square, log * log, p.beta2)
        correction1 = 1.0 - self._beta1_power.assign(p.beta1 * self._beta1_power)
        correction2 = 1.0 - self._beta2_power.assign(p.beta2 * self._beta2_power)
        variance = slow_square / correction2 - tf.square(slow_mean / correction2)
        deviation = tf.sqrt(tf.maximum(variance, 0.0))
        scale = tf.pow(2.0, p.log_max - mean / correction1 - p.overflow_std_dev * deviation)
        self.value.assign(tf.clip_by_value(scale, p.scale_min, p.scale_max))


def _float_variable(name: str, initial: float) -> Variable:
    return tf.Variable(initial, trainable=False, dtype=tf.float32, name=name)


def _update_average(average: Variable, value: Tensor, beta: float) -> Tensor:
    return average.assign(beta * average + (1.0 - beta) * value)


LOSS_SCALINGS: dict[str, type[LossScaling]] = {"Backoff": Backoff, "LogMax": LogMax}
