"""Batch normalization as one fused operation, and SubSpectralNorm on top of it.

Keras 3 computes batch normalization in single operations, after a cast to float32. TensorFlow's
fused kernels are three times as fast on a CPU.
This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from open_seq2seq.layers.moving import most_kept
from open_seq2seq.layers.plain import is_plain
from open_seq2seq.structs import Tensor, Variable

_FUSED_WIDTH = 8  # channels, of which oneDNN's fast kernels need a multiple

_largest_momentum: contextvars.ContextVar[Tensor | float] = contextvars.ContextVar(
    "largest_momentum", default=1.0
)


@contextlib.contextmanager
def steps_before(number: Tensor) -> Iterator[None]:
    """Say how many steps came before this one, so that moving statistics soon forget the first.

    Without it a run shorter than 1 / (1 - momentum) steps is evaluated with the statistics that a
    new network has, and is right by chance.
    """
    token = _largest_momentum.set(most_kept(number))
    try:
        yield
    finally:
        _largest_momentum.reset(token)


class BatchNorm(keras.layers.Layer):
    """Normalize [batch, frames, features, channels] over all axes but the channels.

    Statistics, gamma and beta are float32 whatever the dtype policy. The moving variance averages
    the unbiased variance of the batches, as in PyTorch and TensorFlow 1's fused operation.
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
            momentum: fraction of the moving mean and variance that a training step keeps; less in
                the first of the `steps_before`.
            epsilon: added to the variance.
            gamma_regularizer: Keras regularizer of gamma, the scale.
            beta_regularizer: Keras regularizer of beta, the offset.
            **kwargs: arguments of every Keras layer.
        """
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self._gamma_regularizer = gamma_regularizer
        self._beta_regularizer = beta_regularizer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma, beta, the moving mean and the moving variance."""
        self._make_variables(input_shape[-1])

    def _make_variables(self, n_channels: int | None) -> None:
        shape = (n_channels,)
        self.gamma = self.add_weight(
            shape, "ones", name="gamma", regularizer=self._gamma_regularizer, autocast=False
        )
        self.beta = self.add_weight(
            shape, "zeros", name="beta", regularizer=self._beta_regularizer, autocast=False
        )
        self.moving_mean = self.add_weight(
            shape, "zeros", name="moving_mean", trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            shape, "ones", name="moving_variance", trainable=False, autocast=False
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Normalize with the statistics of the batch in training, else with the moving ones."""
        return self._normalize(inputs, training)

    def _normalize(self, inputs: Tensor, training: bool) -> Tensor:
        n_channels = inputs.shape[3]
        if is_plain() and not training:
            # converters fold these into the convolution before. TensorFlow itself would fuse them
            # with any activation after, and has kernels for ReLU alone
            scale = self.gamma.value * tf.math.rsqrt(self.moving_variance.value + self.epsilon)
            offset = self.beta.value - self.moving_mean.value * scale
            return inputs * tf.cast(scale, inputs.dtype) + tf.cast(offset, inputs.dtype)
        # in a view of another shape TensorFlow does not fuse the ReLU that follows: of such widths
        # oneDNN's fused kernel takes four times as long
        needs_view = training and n_channels % _FUSED_WIDTH > 0
        x = inputs
        if needs_view:
            x = tf.reshape(inputs, (tf.shape(inputs)[0], 1, -1, n_channels))
        if training:
            mean = variance = tf.zeros(0)  # the operation computes them
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            self._update(self.moving_mean, batch_mean)
            self._update(self.moving_variance, batch_variance)
        if needs_view:
            outputs = tf.reshape(outputs, tf.shape(inputs))
        return outputs

    def _update(self, moving: Variable, of_batch: Tensor) -> None:
        momentum = tf.minimum(self.momentum, _largest_momentum.get())
        moving.assign(momentum * moving.value + (1.0 - momentum) * of_batch)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the inputs."""
        return input_shape


class SubSpectralNorm(BatchNorm):
    """Batch normalization of each frequency band separately.

    Chang et al., "SubSpectral Normalization for Neural Audio Data Processing", 2021.
    The variables are [bands * channels].
    """

    def __init__(self, n_bands: int, **kwargs: Any) -> None:
        """Make the layer; it divides the features into ``n_bands`` bands of equal width."""
        super().__init__(**kwargs)
        self.n_bands = n_bands

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make gamma, beta, the moving mean and the moving variance.

        Raises:
            ValueError: the number of features is no multiple of the number of bands.
        """
        n_features, n_channels = input_shape[2:]
        if n_features is None or n_channels is None or n_features % self.n_bands:
            raise ValueError(
                f"{n_features} features cannot be divided into {self.n_bands} bands of equal "
                f"width; use a multiple of {self.n_bands} features"
            )
        self._make_variables(self.n_bands * n_channels)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Normalize with the statistics of the batch in training, else with the moving ones."""
        _, n_frames, n_features, n_channels = inputs.shape
        width = n_features // self.n_bands
        # each band's channels become separate channels: [batch, frames, width, bands * channels];
        # with one feature per band they are in that order already
        x = tf.reshape(inputs, (-1, n_frames, self.n_bands, width, n_channels))
        if width > 1:
            x = tf.transpose(x, (0, 1, 3, 2, 4))
        x = tf.reshape(x, (-1, n_frames, width, self.n_bands * n_channels))
        x = self._normalize(x, training)
        x = tf.reshape(x, (-1, n_frames, width, self.n_bands, n_channels))
        if width > 1:
            x = tf.transpose(x, (0, 1, 3, 2, 4))
        return tf.reshape(x, (-1, n_frames, n_features, n_channels))
