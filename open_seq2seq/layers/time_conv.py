"""Convolutions over time as matrix products, one for each tap of the kernel.

On a CPU, TensorFlow's convolution is slow with few frames and many channels, above all in the
gradient of the kernel. It also multiplies the zero padding: with 29 taps, a dilation of 2 and 16
frames, that is three products of four. Tap by tap, no padding is multiplied, and all the work is
matrix products.
This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from open_seq2seq.layers.convolutions import Conv, has_plain_form
from open_seq2seq.structs import Tensor


class TimeConv(Conv):
    """Conv2D with kernels [k, 1] on [batch, frames, 1, channels].

    On a GPU, and for a kernel of one tap, it is `Conv`.
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolve, without bias and activation."""
        if self.kernel_size == (1, 1) or has_plain_form():
            return super().convolution_op(inputs, kernel)
        return convolve(
            inputs,
            tf.convert_to_tensor(kernel),
            self.strides[0],
            self.dilation_rate[0],
            self.padding,
        )


def convolve(
    inputs: Tensor, kernel: Tensor, stride: int = 1, dilation: int = 1, padding: str = "same"
) -> Tensor:
    """Convolve over time as ``tf.nn.conv2d`` does.

    Each tap's product has the dtype of the inputs; the sum over the taps is in float32.

    Args:
        inputs: [batch, frames, 1, channels].
        kernel: [taps, 1, channels, filters], with the dtype of the inputs.
        stride: in frames.
        dilation: in frames.
        padding: "same" or "valid".

    Returns:
        [batch, frames after the stride, 1, filters].
    """
    n_in, n_taps = inputs.shape[1], kernel.shape[0]
    n_out, before = _outputs(n_in, n_taps, stride, dilation, padding)
    reaches = [_Reach.of(tap * dilation - before, n_in, n_out, stride) for tap in range(n_taps)]

    @tf.custom_gradient
    def run(inputs: Tensor, kernel: Tensor) -> Any:
        frames = _time_first(inputs)
        products = [
            reach.into_outputs(_matmul(reach.inputs(frames), weights), n_out)
            for reach, weights in zip(reaches, tf.unstack(kernel[:, 0]), strict=True)
        ]

        def gradients(upstream: Tensor) -> tuple[Tensor, Tensor]:
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
    """Return the number of output frames, and the number of padding frames before the inputs."""
    span = (n_taps - 1) * dilation + 1
    if padding == "valid":
        return (n_in - span) // stride + 1, 0
    n_out = -(-n_in // stride)
    return n_out, max(0, (n_out - 1) * stride + span - n_in) // 2


class _Reach(NamedTuple):
    """The ``n`` outputs to which one tap contributes, and the inputs that it multiplies."""

    first_in: int
    first_out: int
    n: int
    stride: int

    @classmethod
    def of(cls, shift: int, n_in: int, n_out: int, stride: int) -> _Reach:
        """Return the reach of the tap that multiplies input ``t * stride + shift`` for output t."""
        first = max(0, -(shift // stride))
        n = min(n_out - 1, (n_in - 1 - shift) // stride) - first + 1
        if n <= 0:
            return cls(0, 0, 0, stride)
        return cls(first * stride + shift, first, n, stride)

    def inputs(self, frames: Tensor) -> Tensor:
        return frames[self.first_in : self.first_in + self.n * self.stride : self.stride]

    def outputs(self, frames: Tensor) -> Tensor:
        return frames[self.first_out : self.first_out + self.n]

    def into_outputs(self, frames: Tensor, n_out: int) -> Tensor:
        """Invert `outputs`: pad the frames with zeros to all ``n_out`` output frames."""
        return tf.pad(frames, [[self.first_out, n_out - self.first_out - self.n], [0, 0], [0, 0]])

    def into_inputs(self, frames: Tensor, n_in: int) -> Tensor:
        """Invert `inputs`: spread and pad the frames with zeros to all ``n_in`` input frames."""
        n = max(0, (self.n - 1) * self.stride + 1)
        if self.stride > 1:
            apart = tf.pad(frames[:, None], [[0, 0], [0, self.stride - 1], [0, 0], [0, 0]])
            frames = tf.reshape(
                apart, (self.n * self.stride, tf.shape(frames)[1], frames.shape[2])
            )[:n]
        return tf.pad(frames, [[self.first_in, n_in - self.first_in - n], [0, 0], [0, 0]])


def _time_first(x: Tensor) -> Tensor:
    """[batch, frames, 1, channels] to [frames, batch, channels]: slices of it are contiguous."""
    return tf.transpose(x[:, :, 0], (1, 0, 2))


def _batch_first(parts: list[Tensor], dtype: Any) -> Tensor:
    """Sum of parts [frames, batch, channels] as [batch, frames, 1, channels]."""
    return tf.transpose(tf.cast(tf.add_n(parts), dtype), (1, 0, 2))[:, :, None]


def _rows(frames: Tensor) -> Tensor:
    return tf.reshape(frames, (-1, frames.shape[2]))


def _matmul(frames: Tensor, weights: Tensor, **how: bool) -> Tensor:
    """Return frames [frames, batch, channels] times weights as float32."""
    product = tf.cast(tf.matmul(_rows(frames), weights, **how), tf.float32)
    return tf.reshape(product, (frames.shape[0], tf.shape(frames)[1], product.shape[1]))
