"""Convolutions over time written out in NumPy, with their gradients, in TensorFlow's meaning of
stride and padding.
"""

import numpy as np

from open_seq2seq.lazy import tf


def input_of_tap(n_frames, n_taps, stride, dilation, padding):
    """Return [outputs, taps, frames]: 1 where the tap sees the frame for that output, or else 0.

    TensorFlow pads SAME so that there are ceil(frames / stride) outputs, the odd frame of padding
    after the end: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    span = (n_taps - 1) * dilation + 1
    if padding.upper() == "VALID":
        n_outputs, n_before = (n_frames - span) // stride + 1, 0
    else:
        n_outputs = -(-n_frames // stride)
        n_before = max(0, (n_outputs - 1) * stride + span - n_frames) // 2
    frames = stride * np.arange(n_outputs)[:, None] + dilation * np.arange(n_taps) - n_before
    return (frames[:, :, None] == np.arange(n_frames)).astype(float)


def convolve(inputs, kernel, upstream, where):
    """Return outputs and the gradients of inputs and kernel.

    Args:
        inputs: [batch, frames, 1, channels].
        kernel: [taps, 1, channels, filters].
        upstream: [batch, outputs, 1, filters], the gradient of the outputs.
        where: of `input_of_tap`.
    """
    x, w, e = inputs[:, :, 0], kernel[:, 0], upstream[:, :, 0]
    outputs = np.einsum("otn,bnc,tcf->bof", where, x, w, optimize=True)
    to_inputs = np.einsum("otn,bof,tcf->bnc", where, e, w, optimize=True)
    to_kernel = np.einsum("otn,bnc,bof->tcf", where, x, e, optimize=True)
    return outputs[:, :, None], to_inputs[:, :, None], to_kernel[:, None]


def convolve_depthwise(inputs, kernel, upstream, where):
    """Return the same for a kernel [taps, 1, channels, 1] that keeps each channel to itself."""
    x, w, e = inputs[:, :, 0], kernel[:, 0, :, 0], upstream[:, :, 0]
    outputs = np.einsum("otn,bnc,tc->boc", where, x, w, optimize=True)
    to_inputs = np.einsum("otn,boc,tc->bnc", where, e, w, optimize=True)
    to_kernel = np.einsum("otn,bnc,boc->tc", where, x, e, optimize=True)
    return outputs[:, :, None], to_inputs[:, :, None], to_kernel[:, None, :, None]


def outputs_and_gradients(convolution, inputs, kernel, upstream):
    """Return the same by TensorFlow, of a function of the inputs that has that kernel."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = convolution(inputs)
    return outputs, *tape.gradient(outputs, [inputs, kernel], upstream)
