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

    The learning rate stands outside the velocity, as in TensorFlow 1: when it decays, the
    velocity's share decays at once. Keras's own SGD keeps it inside.
    """

    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="Share of the velocity that is kept."
    )
    use_nesterov: bool = Field(
        default=False, description="Look ahead: w -= learning_rate * (gradient + momentum * v)."
    )

    def create(self) -> Any:
        params = self

        class MomentumOptimizer(keras.optimizers.Optimizer):
            def build(self, variables: list) -> None:
                if self.built:
                    return
                super().build(variables)
                self.velocities = [
                    self.add_variable_from_reference(v, name="velocity") for v in variables
                ]

            def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
                velocity = self.velocities[self._get_variable_index(variable)]
                # TensorFlow's own operation: written out, it would be eight passes over the
                # variable instead of two
                tf.raw_ops.ResourceApplyMomentum(
                    var=variable.handle,
                    accum=velocity.value.handle,
                    lr=tf.cast(learning_rate, variable.dtype),
                    grad=tf.cast(gradient, variable.dtype),
                    momentum=tf.constant(params.momentum, variable.dtype),
                    use_nesterov=params.use_nesterov,
                )

        return MomentumOptimizer(learning_rate=0.0, name="Momentum")


class Adam(Optimizer):
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014."""

    beta1: float = Field(default=0.9, ge=0, lt=1, description="Decay of the first moment.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Decay of the second moment.")
    epsilon: float = Field(
        default=1e-8, gt=0, description="Added to the root of the second moment."
    )

    def create(self) -> Any:
        return keras.optimizers.Adam(
            beta_1=self.beta1, beta_2=self.beta2, epsilon=self.epsilon, name="Adam"
        )


class AdamW(Adam):
    """Adam with decoupled weight decay; Loshchilov and Hutter, 2017. Biases and BatchNorm are not
    decayed.
    """

    weight_decay: float = Field(
        default=0.01, ge=0, description="Share of a weight taken off, times learning rate."
    )

    def create(self) -> Any:
        optimizer = keras.optimizers.AdamW(
            weight_decay=self.weight_decay,
            beta_1=self.beta1,
            beta_2=self.beta2,
            epsilon=self.epsilon,
            name="AdamW",
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer


class Adagrad(Optimizer):
    """Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    2011.
    """

    initial_accumulator_value: float = Field(
        default=0.1, gt=0, description="Sum of squares to begin with."
    )

    def create(self) -> Any:
        return keras.optimizers.Adagrad(
            initial_accumulator_value=self.initial_accumulator_value, epsilon=0.0, name="Adagrad"
        )


class RMSProp(Optimizer):
    """Hinton's lecture 6e, 2012, as TensorFlow 1 has it: the mean square begins at 1."""

    decay: float = Field(default=0.9, ge=0, lt=1, description="Decay of the mean square.")
    momentum: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the last update that is kept."
    )
    epsilon: float = Field(default=1e-10, gt=0, description="Added to the mean square.")
    centered: bool = Field(default=False, description="Divide by the standard deviation instead.")

    def create(self) -> Any:
        optimizer = keras.optimizers.RMSprop(
            rho=self.decay,
            momentum=self.momentum,
            epsilon=self.epsilon,
            centered=self.centered,
            name="RMSProp",
        )
        build = optimizer.build

        def build_with_ones(variables: list) -> None:
            is_new = not optimizer.built
            build(variables)
            for mean_square in optimizer._velocities if is_new else ():
                mean_square.assign(tf.ones_like(mean_square.value))

        optimizer.build = build_with_ones
        return optimizer


class Ftrl(Optimizer):
    """McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013."""

    learning_rate_power: float = Field(
        default=-0.5, le=0, description="Power of the sum of squares."
    )
    initial_accumulator_value: float = Field(
        default=0.1, ge=0, description="Sum of squares to begin with."
    )
    l1_regularization_strength: float = Field(default=0.0, ge=0, description="Of the L1 penalty.")
    l2_regularization_strength: float = Field(default=0.0, ge=0, description="Of the L2 penalty.")

    def create(self) -> Any:
        return keras.optimizers.Ftrl(name="Ftrl", **self.model_dump())


class NovoGrad(Optimizer):
    """Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments", 2019.

    One second moment for each variable: v = beta2 * v + (1 - beta2) * |g|^2, which begins with the
    first |g|^2 that is not 0. Then m = beta1 * m + g / (sqrt(v) + epsilon) + weight_decay * w, and
    w -= learning_rate * m.
    """

    beta1: float = Field(default=0.95, ge=0, lt=1, description="Decay of the first moment.")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="Decay of the second moment.")
    epsilon: float = Field(
        default=1e-8, gt=0, description="Added to the root of the second moment."
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="Share of a weight added to its gradient."
    )
    grad_averaging: bool = Field(default=False, description="Take gradients times 1 - beta1.")

    def create(self) -> Any:
        params = self

        class NovoGradOptimizer(keras.optimizers.Optimizer):
            def build(self, variables: list) -> None:
                if self.built:
                    return
                super().build(variables)
                self.first_moments = [
                    self.add_variable_from_reference(v, name="first_moment") for v in variables
                ]
                self.second_moments = [
                    self.add_variable((), "zeros", dtype="float32", name=f"{v.name}_second_moment")
                    for v in variables
                ]

            def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
                index = self._get_variable_index(variable)
                first, second = self.first_moments[index], self.second_moments[index]
                square = tf.reduce_sum(tf.square(gradient))
                decayed = params.beta2 * second.value + (1.0 - params.beta2) * square
                self.assign(second, tf.where(second.value > 0.0, decayed, square))
                update = (
                    gradient / (tf.sqrt(second.value) + params.epsilon)
                    + params.weight_decay * variable
                )
                if params.grad_averaging:
                    update *= 1.0 - params.beta1
                self.assign(first, params.beta1 * first.value + update)
                self.assign_sub(variable, learning_rate * first.value)

        return NovoGradOptimizer(learning_rate=0.0, name="NovoGrad")


OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, Momentum, Adam, AdamW, Adagrad, RMSProp, Ftrl, NovoGrad)
}
