"""Optimizers whose parameters mean what they mean in TensorFlow 1."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import keras, tf
from open_seq2seq.structs import Tensor, Variable


class Optimizer(Params):
    """Parameters of an optimizer; `create` returns the Keras optimizer with its slots."""

    def create(self) -> Any:
        """Return a `keras.optimizers.Optimizer`; each training step sets its learning rate."""
        raise NotImplementedError(f"{type(self).__name__}.create")


class SGD(Optimizer):
    """w -= learning_rate * gradient."""

    def create(self) -> Any:
        return keras.optimizers.SGD(name="SGD")


class Momentum(Optimizer):
    """v = momentum * v + gradient; w -= learning_rate * v.

    The velocity v does not include the learning rate, as in TensorFlow 1, so a change of the
    learning rate takes full effect at once. In Keras's SGD the velocity includes it.
    """

    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum coefficient.")
    use_nesterov: bool = Field(
        default=False,
        description="Nesterov momentum: w -= learning_rate * (gradient + momentum * v).",
    )

    def create(self) -> Any:
        params = self

        class MomentumOptimizer(keras.optimizers.Optimizer):
            def build(self, variables: list[Variable]) -> None:
                if self.built:
                    return
                super().build(variables)
                self.velocities = [
                    self.add_variable_from_reference(v, name="velocity") for v in variables
                ]

            def update_step(
                self, gradient: Tensor, variable: Variable, learning_rate: Tensor
            ) -> None:
                velocity = self.velocities[self._get_variable_index(variable)]
                # one fused operation passes over the variable twice; single ones, eight times
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

    beta1: float = Field(
        default=0.9, ge=0, lt=1, description="Decay rate of the first moment of the gradients."
    )
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Decay rate of the second moment of the gradients."
    )
    epsilon: float = Field(
        default=1e-8, gt=0, description="Epsilon added to the square root of the second moment."
    )

    def create(self) -> Any:
        return keras.optimizers.Adam(
            beta_1=self.beta1, beta_2=self.beta2, epsilon=self.epsilon, name="Adam"
        )


class AdamW(Adam):
    """Adam with weight decay, except of biases and of batch normalization's gamma and beta.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017.
    """

    weight_decay: float = Field(
        default=0.01, ge=0, description="Weight decay: w -= learning_rate * weight_decay * w."
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
    """Adagrad: the gradient divided by the root of the sum of all squared gradients.

    Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    2011.
    """

    initial_accumulator_value: float = Field(
        default=0.1, gt=0, description="Initial value of the sum of squared gradients."
    )

    def create(self) -> Any:
        return keras.optimizers.Adagrad(
            initial_accumulator_value=self.initial_accumulator_value, epsilon=0.0, name="Adagrad"
        )


class RMSProp(Optimizer):
    """Hinton's lecture 6e, 2012; the mean square starts at 1, as in TensorFlow 1."""

    decay: float = Field(
        default=0.9, ge=0, lt=1, description="Decay rate of the mean square of the gradients."
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum coefficient.")
    epsilon: float = Field(
        default=1e-10, gt=0, description="Epsilon added to the mean square of the gradients."
    )
    centered: bool = Field(
        default=False,
        description="Whether gradients are divided by their standard deviation, not by their RMS.",
    )

    def create(self) -> Any:
        optimizer = keras.optimizers.RMSprop(
            rho=self.decay,
            momentum=self.momentum,
            epsilon=self.epsilon,
            centered=self.centered,
            name="RMSProp",
        )
        build = optimizer.build

        def build_with_ones(variables: list[Variable]) -> None:
            is_new = not optimizer.built
            build(variables)
            if is_new:
                for mean_square in optimizer._velocities:
                    mean_square.assign(tf.ones_like(mean_square.value))

        optimizer.build = build_with_ones
        return optimizer


class Ftrl(Optimizer):
    """McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013."""

    learning_rate_power: float = Field(
        default=-0.5,
        le=0,
        description="Power of the sum of squared gradients that multiplies the learning rate.",
    )
    initial_accumulator_value: float = Field(
        default=0.1, ge=0, description="Initial value of the sum of squared gradients."
    )
    l1_regularization_strength: float = Field(
        default=0.0, ge=0, description="Strength of the L1 penalty on the weights."
    )
    l2_regularization_strength: float = Field(
        default=0.0, ge=0, description="Strength of the L2 penalty on the weights."
    )

    def create(self) -> Any:
        return keras.optimizers.Ftrl(name="Ftrl", **self.model_dump())


class NovoGrad(Optimizer):
    """Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments", 2019.

    Each variable has one second moment: v = beta2 * v + (1 - beta2) * |g|^2, with the L2 norm |g|
    of the gradient. It starts at the first |g|^2 that is not 0. The first moment is
    m = beta1 * m + g / (sqrt(v) + epsilon) + weight_decay * w, and w -= learning_rate * m.
    """

    beta1: float = Field(
        default=0.95, ge=0, lt=1, description="Decay rate of the first moment of the gradients."
    )
    beta2: float = Field(
        default=0.98, ge=0, lt=1, description="Decay rate of the second moment of the gradients."
    )
    epsilon: float = Field(
        default=1e-8, gt=0, description="Epsilon added to the square root of the second moment."
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="Weight decay: weight_decay * w is added to the normalized gradient.",
    )
    grad_averaging: bool = Field(
        default=False,
        description="Whether what is added to the first moment is multiplied by 1 - beta1.",
    )

    def create(self) -> Any:
        params = self

        class NovoGradOptimizer(keras.optimizers.Optimizer):
            def build(self, variables: list[Variable]) -> None:
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

            def update_step(
                self, gradient: Tensor, variable: Variable, learning_rate: Tensor
            ) -> None:
                index = self._get_variable_index(variable)
                first, second = self.first_moments[index], self.second_moments[index]
                squared_norm = tf.reduce_sum(tf.square(gradient))
                averaged = params.beta2 * second.value + (1.0 - params.beta2) * squared_norm
                self.assign(second, tf.where(second.value > 0.0, averaged, squared_norm))
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
