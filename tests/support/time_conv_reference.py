"""Reference in NumPy for convolutions over time and their gradients, padded as in TensorFlow."""

import numpy as np

from open_seq2seq.lazy import tf


def input_of_tap(n_frames, n_taps, stride, dilation, padding):
    """Return [outputs, taps, frames]: 1 where a tap multiplies the frame for an output, else 0.

    SAME pads so that there are ceil(frames / stride) outputs, with an odd padding frame at the end:
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
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
    """Return the outputs and the gradients of inputs and kernel.

    Args:
        inputs: [batch, frames, 1, channels].
        kernel: [taps, 1, channels, filters].
        upstream: [batch, outputs, 1, filters], the gradient of the outputs.
        where: result of `input_of_tap`.
    """
    x, w, e = inputs[:, :, 0], kernel[:, 0], upstream[:, :, 0]
    outputs = np.einsum("otn,bnc,tcf->bof", where, x, w, optimize=True)
    to_inputs = np.einsum("otn,bof,tcf->bnc", where, e, w, optimize=True)
    to_kernel = np.einsum("otn,bnc,bof->tcf", where, x, e, optimize=True)
    return outputs[:, :, None], to_inputs[:, :, None], to_kernel[:, None]


def convolve_depthwise(inputs, kernel, upstream, where):
    """Return outputs and gradients of a depthwise kernel [taps, 1, channels, 1]."""
    x, w, e = inputs[:, :, 0], kernel[:, 0, :, 0], upstream[:, :, 0]
    outputs = np.einsum("otn,bnc,tc->boc", where, x, w, optimize=True)
    to_inputs = np.einsum("otn,boc,tc->bnc", where, e, w, optimize=True)
    to_kernel = np.einsum("otn,bnc,boc->tc", where, x, e, optimize=True)
    return outputs[:, :, None], to_inputs[:, :, None], to_kernel[:, None, :, None]


def outputs_and_gradients(convolution, inputs, kernel, upstream):
    """Return outputs and gradients of ``convolution``, a TensorFlow function with ``kernel``."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = convolution(inputs)
    return outputs, *tape.gradient(outputs, [inputs, kernel], upstream)
