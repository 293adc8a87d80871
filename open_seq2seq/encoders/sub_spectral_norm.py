"""BatchNorm for each of several bands of the features by itself.

Chang et al., "SubSpectral Normalization for Neural Audio Data Processing", 2021. This module imports Keras: import it
where a network is built.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class SubSpectralNorm(keras.layers.Layer):
    """Normalizes [batch, frames, features, channels] over batch, frames and the features of each band.

    Statistics are taken in float32 whatever the dtype policy, as Keras's BatchNormalization does.
    """

    def __init__(
        self, n_bands: int, *, momentum: float = 0.9, epsilon: float = 1e-5, regularizer: Any = None, **kwargs: Any
    ) -> None:
        """Make the layer.

        Args:
            n_bands: the features are divided into so many bands of equal width.
            momentum: of the moving statistics.
            epsilon: added to the variance.
            regularizer: of gamma and beta.
            **kwargs: what every Keras layer takes.
        """
        super().__init__(**kwargs)
        self.n_bands, self.momentum, self.epsilon = n_bands, momentum, epsilon
        self._regularizer = regularizer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma, beta and the moving statistics, each [bands, 1, channels]."""
        n_features, n_channels = input_shape[2:]
        if n_features is None or n_features % self.n_bands:
            raise ValueError(f"{n_features} features cannot be divided into {self.n_bands} bands of equal width")
        shape = (self.n_bands, 1, n_channels)
        self.gamma = self.add_weight(shape, "ones", name="gamma", regularizer=self._regularizer)
        self.beta = self.add_weight(shape, "zeros", name="beta", regularizer=self._regularizer)
        statistics = {"trainable": False, "autocast": False}
        self.moving_mean = self.add_weight(shape, "zeros", name="moving_mean", **statistics)
        self.moving_variance = self.add_weight(shape, "ones", name="moving_variance", **statistics)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Normalize with the batch's statistics in training, or else with the moving ones."""
        _, n_frames, n_features, n_channels = inputs.shape
        bands = ops.reshape(inputs, (-1, n_frames, self.n_bands, n_features // self.n_bands, n_channels))
        if training:
            mean, variance = ops.moments(ops.cast(bands, "float32"), axes=[0, 1, 3], keepdims=True)
            mean, variance = mean[0, 0], variance[0, 0]
            keep = self.momentum
            self.moving_mean.assign(keep * self.moving_mean + (1.0 - keep) * mean)
            self.moving_variance.assign(keep * self.moving_variance + (1.0 - keep) * variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = ops.cast(self.gamma, "float32") * ops.rsqrt(variance + self.epsilon)
        offset = ops.cast(self.beta, "float32") - mean * scale
        normalized = bands * ops.cast(scale, bands.dtype) + ops.cast(offset, bands.dtype)
        return ops.reshape(normalized, (-1, n_frames, n_features, n_channels))
