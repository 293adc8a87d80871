"""Penalties on weights, named in a config without importing TensorFlow."""

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


REGULARIZERS: dict[str, Callable] = {"l2_regularizer": l2_regularizer}
