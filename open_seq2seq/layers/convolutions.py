"""Convolutions in the form that TensorFlow's kernels for CPUs are fast at.

Names and shapes of the kernels are those of the Keras layers that they replace.
This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from open_seq2seq.structs import Tensor

_STRIDE_1 = (1, 1, 1, 1)


class PointwiseConv(keras.layers.Conv2D):
    """Conv2D with kernel [1, 1] and stride 1, as one matrix product.

    TensorFlow's convolution takes up to twice as long for it on a CPU, most of it in the gradient
    of the kernel: 22 against 12 ms, forward and backward, for 128 clips of 128 frames and 128
    channels. On a GPU it is TensorFlow's convolution.
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolve, without bias and activation."""
        if tf.config.list_logical_devices("GPU"):
            return super().convolution_op(inputs, kernel)
        return tf.tensordot(inputs, tf.convert_to_tensor(kernel)[0, 0], 1)


class DepthwiseTimeConv(keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D over time with kernel [k, 1], stride 1 and "same" padding, without bias.

    The inputs are [batch, frames, 1, channels], and k is odd. TensorFlow gathers the frames of each
    phase of a dilation into a batch of their own, and back; here the phases are further channels,
    which is a view of the same numbers.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Convolve."""
        kernel, dilation = tf.convert_to_tensor(self.kernel), self.dilation_rate[0]
        _, n_frames, _, n_channels = inputs.shape
        n_phase = -(-n_frames // dilation)
        missing = n_phase * dilation - n_frames
        x = inputs
        if missing:
            x = tf.pad(x, [[0, 0], [0, missing], [0, 0], [0, 0]])
        x = tf.reshape(x, (-1, n_phase, 1, dilation * n_channels))
        x = tf.nn.depthwise_conv2d(x, tf.tile(kernel, (1, 1, dilation, 1)), _STRIDE_1, "SAME")
        x = tf.reshape(x, (-1, n_phase * dilation, 1, n_channels))
        # not x[:, :n_frames], whose gradient moves number by number
        return tf.slice(x, (0, 0, 0, 0), (-1, n_frames, -1, -1))


class DepthwiseOverAllFeatures(keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D over time with a kernel as wide as the features, without bias.

    One feature is left, and the time is padded as "same" does. The features are further channels
    first, and are added afterwards: 4.6 ms forward and backward for BC-ResNet-1, instead of 8.0.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Map [batch, frames, features, channels] to [batch, frames, 1, channels]."""
        kernel = tf.convert_to_tensor(self.kernel)  # [k, features, channels, 1]
        n_taps, n_features, n_channels, _ = kernel.shape
        n_frames, n_merged = inputs.shape[1], n_features * n_channels
        x = tf.reshape(inputs, (-1, n_frames, 1, n_merged))
        kernel = tf.reshape(kernel, (n_taps, 1, n_merged, 1))
        x = tf.nn.depthwise_conv2d(x, kernel, _STRIDE_1, "SAME")
        x = tf.reshape(x, (-1, n_frames, n_features, n_channels))
        return tf.reduce_sum(x, axis=2, keepdims=True)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the shape of the inputs, with one feature."""
        batch, n_frames, _, n_channels = input_shape
        return batch, n_frames, 1, n_channels


def every_other_feature(x: Tensor) -> Tensor:
    """Take every other feature of [batch, frames, features, channels], the first one too.

    TensorFlow's depthwise convolution cannot have a stride over one axis alone. Its strided slice
    and that one's gradient take six times as long as this.
    """
    _, n_frames, n_features, n_channels = x.shape
    pairs = keras.ops.reshape(x, (-1, n_frames, n_features // 2, 2, n_channels))
    return keras.ops.unstack(pairs, axis=3)[0]
