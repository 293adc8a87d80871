"""BatchNorm as one fused operation, and SubSpectralNorm on top of it.

Keras 3 writes BatchNorm out in single operations and casts to float32 for it; TensorFlow's fused
kernels are three
times as fast on a CPU. This module imports Keras: use it through `open_seq2seq.layers`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class BatchNorm(keras.layers.Layer):
    """Normalizes [batch, frames, features, channels] over all but the channels.

    Statistics, gamma and beta are float32 whatever the dtype policy. The moving variance takes the
    unbiased variance of each batch, as TensorFlow 1's fused BatchNorm and PyTorch's do.
    """

    def __init__(
        self,
        *,
        momentum: float,
        epsilon: float,
        gamma_regularizer: Any = None,
        beta_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Make the layer.

        Args:
            momentum: share of the moving statistics that each batch keeps.
            epsilon: added to the variance.
            gamma_regularizer: of the scale.
            beta_regularizer: of the offset.
            **kwargs: what every Keras layer takes.
        """
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon
        self._regularizers = {"gamma": gamma_regularizer, "beta": beta_regularizer}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma, beta and the moving statistics."""
        self._make_variables(input_shape[-1])

    def _make_variables(self, n_channels: int | None) -> None:
        shape = (n_channels,)
        starts = {"gamma": "ones", "beta": "zeros"}
        self.gamma, self.beta = (
            self.add_weight(
                shape, start, name=name, regularizer=self._regularizers[name], autocast=False
            )
            for name, start in starts.items()
        )
        self.moving_mean, self.moving_variance = (
            self.add_weight(shape, start, name=f"moving_{name}", trainable=False, autocast=False)
            for name, start in (("mean", "zeros"), ("variance", "ones"))
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Normalize with the batch's statistics in training, or else with the moving ones."""
        return self._normalize(inputs, training)

    def _normalize(self, inputs: Any, training: bool) -> Any:
        moving = (self.moving_mean, self.moving_variance)
        mean, variance = (tf.zeros(0), tf.zeros(0)) if training else (v.value for v in moving)
        outputs, *found = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            for average, new in zip(moving, found[:2], strict=True):
                average.assign(self.momentum * average.value + (1.0 - self.momentum) * new)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the inputs."""
        return input_shape


class SubSpectralNorm(BatchNorm):
    """BatchNorm for each of several bands of the features by itself.

    Chang et al., "SubSpectral Normalization for Neural Audio Data Processing", 2021.
    Its variables are [bands * channels].
    """

    def __init__(self, n_bands: int, **kwargs: Any) -> None:
        """Make the layer; the features are divided into ``n_bands`` bands of equal width."""
        super().__init__(**kwargs)
        self.n_bands = n_bands

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma, beta and the moving statistics.

        Raises:
            ValueError: the features cannot be divided.
        """
        n_features, n_channels = input_shape[2:]
        if n_features is None or n_channels is None or n_features % self.n_bands:
            raise ValueError(
                f"{n_features} features cannot be divided into {self.n_bands} bands of equal width"
            )
        self._make_variables(self.n_bands * n_channels)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Normalize with the batch's statistics in training, or else with the moving ones."""
        _, n_frames, n_features, n_channels = inputs.shape
        width = n_features // self.n_bands
        # a band's channels become channels of their own; with one feature to a band they are side
        # by side already
        x = tf.reshape(inputs, (-1, n_frames, self.n_bands, width, n_channels))
        x = tf.transpose(x, (0, 1, 3, 2, 4)) if width > 1 else x
        x = self._normalize(
            tf.reshape(x, (-1, n_frames, width, self.n_bands * n_channels)), training
        )
        x = tf.reshape(x, (-1, n_frames, width, self.n_bands, n_channels))
        x = tf.transpose(x, (0, 1, 3, 2, 4)) if width > 1 else x
        return tf.reshape(x, (-1, n_frames, n_features, n_channels))
