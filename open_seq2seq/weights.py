"""Penalties on weights and initializers, named in a config without importing TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from open_seq2seq.lazy import keras


def l2_regularizer(scale: float) -> Any:
    """Return w -> scale * sum(w^2) / 2, as TensorFlow 1 defines it."""
    return keras.regularizers.L2(scale / 2.0)


def as_regularizer(function: Callable[[Any], Any]) -> Any:
    """Return what Keras takes for a regularizer, of any function of the weights."""
    if isinstance(function, keras.regularizers.Regularizer):
        return function

    class FunctionRegularizer(keras.regularizers.Regularizer):
        def __call__(self, weights: Any) -> Any:
            return function(weights)

    return FunctionRegularizer()


def variance_scaling_initializer(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Any:
    """Return TensorFlow's variance-scaling initializer."""
    return keras.initializers.VarianceScaling(scale=scale, mode=mode, distribution=distribution)


def xavier_initializer(uniform: bool = True) -> Any:
    """Return Glorot and Bengio's initializer."""
    return keras.initializers.GlorotUniform() if uniform else keras.initializers.GlorotNormal()


REGULARIZERS: dict[str, Callable] = {"l2_regularizer": l2_regularizer}
INITIALIZERS: dict[str, Callable] = {
    "variance_scaling_initializer": variance_scaling_initializer,
    "xavier_initializer": xavier_initializer,
}
