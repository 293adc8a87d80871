"""Initial weights, named in a config without importing TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from open_seq2seq.lazy import keras


def variance_scaling_initializer(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal"
) -> Any:
    """Return TensorFlow's variance-scaling initializer."""
    return keras.initializers.VarianceScaling(scale=scale, mode=mode, distribution=distribution)


def xavier_initializer(uniform: bool = True) -> Any:
    """Return Glorot and Bengio's initializer."""
    return keras.initializers.GlorotUniform() if uniform else keras.initializers.GlorotNormal()


INITIALIZERS: dict[str, Callable] = {
    "variance_scaling_initializer": variance_scaling_initializer,
    "xavier_initializer": xavier_initializer,
}
