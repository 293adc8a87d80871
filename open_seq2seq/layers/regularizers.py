"""Weight regularizers that a config can name without importing TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from open_seq2seq.lazy import keras
from open_seq2seq.structs import Tensor


def l2_regularizer(scale: float) -> Any:
    """Return TensorFlow 1's L2 penalty (weight decay), ``scale`` * sum(w^2) / 2."""
    return keras.regularizers.L2(scale / 2.0)


def as_regularizer(function: Callable[[Tensor], Tensor]) -> Any:
    """Return a Keras regularizer that adds ``function(weights)`` to the loss."""
    if isinstance(function, keras.regularizers.Regularizer):
        return function

    class FunctionRegularizer(keras.regularizers.Regularizer):
        def __call__(self, weights: Tensor) -> Tensor:
            return function(weights)

    return FunctionRegularizer()


REGULARIZERS: dict[str, Callable] = {"l2_regularizer": l2_regularizer}
