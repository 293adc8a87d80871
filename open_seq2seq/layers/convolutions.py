"""Convolutions in the form that TensorFlow's kernels for CPUs are fast at, or in plain form.

Names and shapes of the kernels are those of the Keras layers that they replace.
This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from open_seq2seq.layers.plain import is_plain
from open_seq2seq.structs import Tensor

_STRIDE_1 = (1, 1, 1, 1)


def has_plain_form() -> bool:
    """Tell whether convolutions are TensorFlow's own: for other runtimes, and on a GPU."""
    return is_plain() or bool(tf.config.list_logical_devices("GPU"))


class Conv(keras.layers.Conv2D):
    """Conv2D; with kernel [1, 1] it is one matrix product, of the positions that the strides leave.

    TensorFlow's convolution takes up to twice as long for that on a CPU, most of it in the gradient
    of the kernel: 22 against 12 ms, forward and backward, for 128 clips of 128 frames and 128
    channels. With a stride and fewer channels than a vector register holds numbers, that gradient
    writes past its memory (oneDNN's issue 6035). On a GPU it is TensorFlow's convolution.
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolve, without bias and activation."""
        if self.kernel_size != (1, 1) or has_plain_form():
            return super().convolution_op(inputs, kernel)
        if self.strides != (1, 1):
            # not inputs[:, ::2, ::2], whose gradient moves number by number
            inputs = tf.nn.avg_pool2d(inputs, 1, self.strides, "VALID")
        return tf.tensordot(inputs, tf.convert_to_tensor(kernel)[0, 0], 1)


class DepthwiseConv(keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D without bias; over time it takes the phases of a dilation for channels.

    TensorFlow gathers the frames of each phase into a batch of their own, and back. Further
    channels are a view of the same numbers. That holds for inputs [batch, frames, 1, channels],
    kernels [k, 1] of an odd k, stride 1 and "same" padding.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Convolve."""
        dilation, n_taps = self.dilation_rate[0], self.kernel_size[0]
        _, n_frames, n_features, n_channels = inputs.shape
        has_view = self.strides == (1, 1) and self.padding == "same" and n_taps % 2 == 1
        if dilation == 1 or n_features != 1 or not has_view or is_plain():
            return super().call(inputs)
        n_phase = -(-n_frames // dilation)
        missing = n_phase * dilation - n_frames
        x = inputs
        if missing:
            x = tf.pad(x, [[0, 0], [0, missing], [0, 0], [0, 0]])
        x = tf.reshape(x, (-1, n_phase, 1, dilation * n_channels))
        kernel = tf.tile(tf.convert_to_tensor(self.kernel), (1, 1, dilation, 1))
        x = tf.nn.depthwise_conv2d(x, kernel, _STRIDE_1, "SAME")
        x = tf.reshape(x, (-1, n_phase * dilation, 1, n_channels))
        if missing:
            # not x[:, :n_frames], whose gradient moves number by number
            x = tf.slice(x, (0, 0, 0, 0), (-1, n_frames, -1, -1))
        return x


class DepthwiseTailConv(keras.layers.DepthwiseConv2D):
    """DepthwiseConv2D without bias that pads the time as "same" does, and not the features.

    Where the kernel is as wide as the features, one feature is left. They are further channels
    then, and are added afterwards: 4.6 ms forward and backward for BC-ResNet-1, instead of 8.0.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Map [batch, frames, features, channels] to [batch, frames, features - k + 1, channels].

        The kernel is [an odd number, k].
        """
        kernel = tf.convert_to_tensor(self.kernel)  # [taps, k, channels, 1]
        n_taps, width, n_channels, _ = kernel.shape
        _, n_frames, n_features, _ = inputs.shape
        if width < n_features or is_plain():
            x = tf.pad(inputs, [[0, 0], [n_taps // 2, n_taps // 2], [0, 0], [0, 0]])
            return tf.nn.depthwise_conv2d(x, kernel, _STRIDE_1, "VALID")
        x = tf.reshape(inputs, (-1, n_frames, 1, n_features * n_channels))
        kernel = tf.reshape(kernel, (n_taps, 1, n_features * n_channels, 1))
        x = tf.nn.depthwise_conv2d(x, kernel, _STRIDE_1, "SAME")
        x = tf.reshape(x, (-1, n_frames, n_features, n_channels))
        return tf.reduce_sum(x, axis=2, keepdims=True)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the shape of the outputs."""
        batch, n_frames, n_features, n_channels = input_shape
        return batch, n_frames, n_features - self.kernel_size[1] + 1, n_channels


def every_other_feature(x: Tensor) -> Tensor:
    """Take every other feature of [batch, frames, features, channels], the first one too.

    TensorFlow's depthwise convolution cannot have a stride over one axis alone. Its strided slice
    and that one's gradient take six times as long as this.
    """
    _, n_frames, n_features, n_channels = x.shape
    if is_plain():
        return x[:, :, ::2]
    pairs = keras.ops.reshape(x, (-1, n_frames, n_features // 2, 2, n_channels))
    return keras.ops.unstack(pairs, axis=3)[0]
