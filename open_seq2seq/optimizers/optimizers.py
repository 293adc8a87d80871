"""Optimizers with TensorFlow 1's meaning of their parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import keras, tf


class Optimizer(Params):
    """Parameters of an optimizer; `create` makes the Keras optimizer that keeps its slots."""

    def create(self) -> Any:
        """Return a `keras.optimizers.Optimizer`; the step sets its learning rate before each use."""
        raise NotImplementedError(f"{type(self).__name__}.create")


class SGD(Optimizer):
    """w -= learning_rate * gradient."""

    def create(self) -> Any:
        return keras.optimizers.SGD(name="SGD")


class Momentum(Optimizer):
    """v = momentum * v + gradient; w -= learning_rate * v.

    The learning rate stands outside the velocity, as in TensorFlow 1: when it decays, the velocity's share decays at
    once. Keras's own SGD keeps it inside.
    """

    momentum: float = Field(default=0.9, ge=0, lt=1, description="Share of the velocity that is kept.")
    use_nesterov: bool = Field(default=False, description="Look ahead: w -= learning_rate * (gradient + momentum * v).")

    def create(self) -> Any:
        params = self

        class MomentumOptimizer(keras.optimizers.Optimizer):
            def build(self, variables: list) -> None:
                if self.built:
                    return
                super().build(variables)
                self.velocities = [self.add_variable_from_reference(v, name="velocity") for v in variables]

            def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
                velocity = self.velocities[self._get_variable_index(variable)]
                gradient = tf.cast(gradient, variable.dtype)
                self.assign(velocity, params.momentum * velocity + gradient)
                update = gradient + params.momentum * velocity if params.use_nesterov else velocity.value
                self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * update)

        return MomentumOptimizer(learning_rate=0.0, name="Momentum")


class Adam(Optimizer):
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014."""

    beta1: float = Field(default=0.9, ge=0, lt=1, description="Decay of the first moment.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Decay of the second moment.")
    epsilon: float = Field(default=1e-8, gt=0, description="Added to the root of the second moment.")

    def create(self) -> Any:
        return keras.optimizers.Adam(beta_1=self.beta1, beta_2=self.beta2, epsilon=self.epsilon, name="Adam")


class AdamW(Adam):
    """Adam with decoupled weight decay; Loshchilov and Hutter, 2017. Biases and BatchNorm are not decayed."""

    weight_decay: float = Field(default=0.01, ge=0, description="Share of a weight taken off, times learning rate.")

    def create(self) -> Any:
        optimizer = keras.optimizers.AdamW(
            weight_decay=self.weight_decay, beta_1=self.beta1, beta_2=self.beta2, epsilon=self.epsilon, name="AdamW"
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer


OPTIMIZERS: dict[str, type[Optimizer]] = {cls.__name__: cls for cls in (SGD, Momentum, Adam, AdamW)}
