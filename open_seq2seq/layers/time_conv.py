"""Convolutions over time as matrix products, one for each tap of the kernel.

On a CPU, TensorFlow's convolutions over so few frames with so many channels leave most of its speed
unused, above all the gradient of the kernel, and they multiply the zeros beyond a clip's ends: with
29 taps two frames apart on 16 frames, three products of four. Tap by tap, only frames that exist
are multiplied, at the speed of the matrix product.
This module imports Keras: use it through `open_seq2seq.layers`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf


class TimeConv(keras.layers.Conv2D):
    """Conv2D of kernels [k, 1] on [batch, frames, 1, channels]; TensorFlow's own on a GPU, and for
    a single tap.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve, without bias and activation."""
        if self.kernel_size == (1, 1) or tf.config.list_logical_devices("GPU"):
            return super().convolution_op(inputs, kernel)
        return convolve(
            inputs,
            tf.convert_to_tensor(kernel),
            self.strides[0],
            self.dilation_rate[0],
            self.padding,
        )


def convolve(
    inputs: Any, kernel: Any, stride: int = 1, dilation: int = 1, padding: str = "same"
) -> Any:
    """Convolve over time as ``tf.nn.conv2d`` does.

    Products are of the inputs' type; the sum over the taps is in float32.

    Args:
        inputs: [batch, frames, 1, channels].
        kernel: [taps, 1, channels, filters], of the inputs' type.
        stride: frames from output to output.
        dilation: frames from tap to tap.
        padding: "same" or "valid".

    Returns:
        [batch, frames after the stride, 1, filters].
    """
    n_in, n_taps = inputs.shape[1], kernel.shape[0]
    n_out, before = _outputs(n_in, n_taps, stride, dilation, padding)
    reaches = [_Reach.of(tap * dilation - before, n_in, n_out, stride) for tap in range(n_taps)]

    @tf.custom_gradient
    def run(inputs: Any, kernel: Any) -> Any:
        frames = _time_first(inputs)
        products = [
            reach.into_outputs(_matmul(reach.inputs(frames), weights), n_out)
            for reach, weights in zip(reaches, tf.unstack(kernel[:, 0]), strict=True)
        ]

        def gradients(upstream: Any) -> tuple[Any, Any]:
            errors = _time_first(upstream)
            to_inputs = [
                reach.into_inputs(_matmul(reach.outputs(errors), weights, transpose_b=True), n_in)
                for reach, weights in zip(reaches, tf.unstack(kernel[:, 0]), strict=True)
            ]
            to_kernel = [
                tf.matmul(
                    _rows(reach.inputs(frames)), _rows(reach.outputs(errors)), transpose_a=True
                )
                for reach in reaches
            ]
            return _batch_first(to_inputs, inputs.dtype), tf.stack(to_kernel)[:, None]

        return _batch_first(products, inputs.dtype), gradients

    return run(inputs, kernel)


def _outputs(n_in: int, n_taps: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Return the number of output frames, and how many frames the first tap lies before the first
    input.
    """
    span = (n_taps - 1) * dilation + 1
    if padding == "valid":
        return (n_in - span) // stride + 1, 0
    n_out = -(-n_in // stride)
    return n_out, max(0, (n_out - 1) * stride + span - n_in) // 2


class _Reach(NamedTuple):
    """The outputs to which one tap contributes, and the inputs that it takes for them."""

    first_in: int
    first_out: int
    n: int
    stride: int

    @classmethod
    def of(cls, shift: int, n_in: int, n_out: int, stride: int) -> _Reach:
        """For output t the tap sees input ``t * stride + shift``."""
        first = max(0, -(shift // stride))
        n = min(n_out - 1, (n_in - 1 - shift) // stride) - first + 1
        return cls(first * stride + shift, first, n, stride) if n > 0 else cls(0, 0, 0, stride)

    def inputs(self, frames: Any) -> Any:
        return frames[self.first_in : self.first_in + self.n * self.stride : self.stride]

    def outputs(self, frames: Any) -> Any:
        return frames[self.first_out : self.first_out + self.n]

    def into_outputs(self, frames: Any, n_out: int) -> Any:
        """Put the frames where `outputs` takes them from, among zeros."""
        return tf.pad(frames, [[self.first_out, n_out - self.first_out - self.n], [0, 0], [0, 0]])

    def into_inputs(self, frames: Any, n_in: int) -> Any:
        """Put the frames where `inputs` takes them from, among zeros."""
        n = max(0, (self.n - 1) * self.stride + 1)
        if self.stride > 1:
            apart = tf.pad(frames[:, None], [[0, 0], [0, self.stride - 1], [0, 0], [0, 0]])
            frames = tf.reshape(
                apart, (self.n * self.stride, tf.shape(frames)[1], frames.shape[2])
            )[:n]
        return tf.pad(frames, [[self.first_in, n_in - self.first_in - n], [0, 0], [0, 0]])


def _time_first(x: Any) -> Any:
    """[batch, frames, 1, channels] to [frames, batch, channels]: some frames are then one piece of
    memory.
    """
    return tf.transpose(x[:, :, 0], (1, 0, 2))


def _batch_first(parts: list[Any], dtype: Any) -> Any:
    """Add up parts of [frames, batch, channels] and return [batch, frames, 1, channels]."""
    return tf.transpose(tf.cast(tf.add_n(parts), dtype), (1, 0, 2))[:, :, None]


def _rows(frames: Any) -> Any:
    return tf.reshape(frames, (-1, frames.shape[2]))


def _matmul(frames: Any, weights: Any, **how: bool) -> Any:
    """Frames [frames, batch, channels] times weights, float32."""
    product = tf.cast(tf.matmul(_rows(frames), weights, **how), tf.float32)
    return tf.reshape(product, (frames.shape[0], tf.shape(frames)[1], product.shape[1]))
