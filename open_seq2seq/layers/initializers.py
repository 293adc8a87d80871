"""Weight initializers that a config can name without importing TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from open_seq2seq.lazy import keras


def variance_scaling_initializer(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Any:
    """Return Keras's VarianceScaling initializer: weights of variance ``scale`` / n.

    ``mode`` says what n is: "fan_in", "fan_out" or "fan_avg", the number of a weight's inputs,
    outputs or their mean. ``distribution`` is "truncated_normal", "untruncated_normal" or
    "uniform".
    """
    return keras.initializers.VarianceScaling(scale=scale, mode=mode, distribution=distribution)


def xavier_initializer(uniform: bool = True) -> Any:
    """Return Glorot and Bengio's initializer: weights of variance 2 / (fan-in + fan-out), 2010.

    Weights are drawn from a uniform distribution, or with ``uniform=False`` a normal one.
    """
    if uniform:
        return keras.initializers.GlorotUniform()
    return keras.initializers.GlorotNormal()


INITIALIZERS: dict[str, Callable] = {
    "variance_scaling_initializer": variance_scaling_initializer,
    "xavier_initializer": xavier_initializer,
}
