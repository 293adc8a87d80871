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
    """Divided by ``step_factor`` after an overflow, multiplied after ``step_window`` steps without one."""

    scale_min: float = Field(default=1.0, gt=0, description="Lowest scale.")
    scale_max: float = Field(default=2.0**14, gt=0, description="Highest scale, and the first one.")
    step_factor: float = Field(default=2.0, gt=1, description="Factor of each change.")
    step_window: int = Field(default=2000, gt=0, description="Steps since the last overflow before the scale grows.")

    def create(self) -> LossScaler:
        return BackoffScaler(self)


class LossScaler:
    """A constant scale; subclasses change ``value`` in `update`."""

    def __init__(self, scale: float) -> None:
        self.value = tf.Variable(scale, trainable=False, dtype=tf.float32, name="loss_scale")

    @property
    def variables(self) -> list[Any]:
        """The state that a checkpoint keeps."""
        return [self.value]

    def update(self, is_finite: Any) -> None:
        """Take note of whether the last step's gradients were finite."""


class BackoffScaler(LossScaler):
    """See `Backoff`."""

    def __init__(self, params: Backoff) -> None:
        super().__init__(params.scale_max)
        self._params = params
        self._n_good = tf.Variable(0, trainable=False, dtype=tf.int32, name="steps_since_overflow")

    @property
    def variables(self) -> list[Any]:
        return [self.value, self._n_good]

    def update(self, is_finite: Any) -> None:
        p = self._params
        n_good = tf.where(is_finite, self._n_good + 1, 0)
        grows = n_good >= p.step_window
        factor = tf.where(is_finite, tf.where(grows, p.step_factor, 1.0), 1.0 / p.step_factor)
        self.value.assign(tf.clip_by_value(self.value * factor, p.scale_min, p.scale_max))
        self._n_good.assign(tf.where(grows, 0, n_good))


LOSS_SCALINGS: dict[str, type[LossScaling]] = {"Backoff": Backoff}
