"""A TDNN for a stream as a Keras layer: a few frames in, probabilities out, the past in variables.

It computes what `streaming.StreamNetwork` does, in operations that TensorFlow Lite Micro has.
The classifier comes before the mean over the frames, which it may, being linear: of the past the
pool then keeps logits, not channels.
This module imports Keras: import it where it is needed.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from open_seq2seq.exporting.microcontroller.scaling import FeatureScaling
from open_seq2seq.streaming.layers import StreamConv, TDNNBlock
from open_seq2seq.streaming.network import StreamNetwork
from open_seq2seq.structs import MergedClasses, Tensor


class StreamLayer(keras.layers.Layer):
    """Maps [1, n_frames, features], scaled, to probabilities.

    They are those of the labels, [1, labels], or of one label, [1, 1]. Of a softmax that is the
    sigmoid of how far the label's logit is above all others': above a half where that label is the
    most probable one. Of a label that is several classes, the largest counts: what sums them needs
    more than all runtimes have.
    """

    def __init__(
        self,
        network: StreamNetwork,
        scaling: FeatureScaling,
        *,
        n_frames: int,
        n_pooled: int,
        label: int | None,
    ) -> None:
        """Put the parts together.

        Args:
            network: of `TDNNBlock`s, which pools the mean.
            scaling: of the features.
            n_frames: that come at a time.
            n_pooled: how many times as many are pooled.
            label: index of the only label that is told; None: all are.
        """
        super().__init__(name="stream")
        first, *others = [block for block in network.blocks if isinstance(block, TDNNBlock)]
        self._blocks = [_Block(first, n_frames, scaling)]
        self._blocks += [_Block(block, n_frames) for block in others]
        self._label, kernel, bias = label, network.kernel, network.bias
        self._outputs = network.outputs
        if label is not None and network.outputs == "sigmoid":
            kernel, bias = kernel[:, [label]], bias[[label]]
        elif label is not None:  # the others' logits above the label's
            kernel = np.delete(kernel, label, axis=1) - kernel[:, [label]]
            bias = np.delete(bias, label) - bias[label]
        self._kernel, self._bias = kernel, bias
        self._past_logits = _Past(n_pooled - 1, len(bias))
        self._summing = None if network.merged is None else _summing(len(bias), network.merged)

    def call(self, frames: Tensor) -> Tensor:
        """Compute the probabilities of the last frames, these ones among them."""
        x = frames[:, :, None]  # [1, frames, 1, channels]
        for block in self._blocks:
            x = block(x)
        logits = tf.linalg.matmul(tf.reduce_mean(x, axis=(1, 2)), self._kernel) + self._bias
        logits = self._past_logits(logits[:, None, None])
        logits = tf.reduce_mean(logits, axis=(1, 2))
        if self._outputs == "sigmoid":
            return tf.sigmoid(logits)
        if self._label is None:
            probabilities = tf.nn.softmax(logits)
            if self._summing is not None:
                probabilities = tf.linalg.matmul(probabilities, self._summing)
            return probabilities
        column = logits[:, :, None, None]
        largest = tf.nn.max_pool2d(column, (logits.shape[1], 1), 1, "VALID")
        return tf.sigmoid(-1.0 * tf.reshape(largest, (1, 1)))


def _summing(n_classes: int, merged: MergedClasses) -> np.ndarray:
    """Return what sums the probabilities of a label's classes, float32 [classes, labels]."""
    n_labels = n_classes - merged.n
    summing = np.eye(n_classes, n_labels, dtype=np.float32)
    summing[n_labels:, merged.label] = 1.0
    return summing


class _Past(keras.layers.Layer):
    """Puts the last frames before the next ones, and keeps the last of both."""

    def __init__(self, n_frames: int, n_channels: int) -> None:
        super().__init__(name="past")
        self._n_frames = n_frames
        if n_frames:
            shape = (1, n_frames, 1, n_channels)
            self._frames = self.add_weight(shape=shape, initializer="zeros", trainable=False)

    def call(self, x: Tensor) -> Tensor:
        if not self._n_frames:
            return x
        both = tf.concat([tf.convert_to_tensor(self._frames), x], axis=1)
        self._frames.assign(both[:, -self._n_frames :])
        return both


class _Conv(keras.layers.Layer):
    def __init__(self, conv: StreamConv) -> None:
        super().__init__(name="conv")
        self._conv = conv
        self._past = _Past(conv.field - 1, conv.n_channels)

    def call(self, x: Tensor) -> Tensor:
        conv, x = self._conv, self._past(x)
        how: dict[str, Any] = {"padding": "VALID", "dilations": (conv.dilation, 1)}
        if conv.kernel.ndim == 2:  # depthwise: [taps, channels]
            kernel = conv.kernel[:, None, :, None]
            x = tf.nn.depthwise_conv2d(x, kernel, strides=(1, 1, 1, 1), **how)
        else:
            x = tf.nn.conv2d(x, conv.kernel[:, None], strides=1, **how)
        return x + conv.bias if conv.bias.any() else x


class _Block(keras.layers.Layer):
    def __init__(
        self, block: TDNNBlock, n_frames: int, scaling: FeatureScaling | None = None
    ) -> None:
        super().__init__(name="block")
        self._n_frames = n_frames
        parts = [list(part) for part in block.convolutions]
        residuals = list(block.residuals)
        if scaling is not None:
            parts[0][0] = scaling.taken_up_by(parts[0][0])
            residuals = [scaling.taken_up_by(conv) for conv in residuals]
        self._parts = [[_Conv(conv) for conv in part] for part in parts]
        self._residuals = [_Conv(conv) for conv in residuals]
        self._delays = [_Past(block.look_ahead, conv.n_channels) for conv in residuals]

    def call(self, x: Tensor) -> Tensor:
        inputs, last = x, len(self._parts) - 1
        for index, part in enumerate(self._parts):
            for conv in part:
                x = conv(x)
            if index == last:
                for delay, residual in zip(self._delays, self._residuals, strict=True):
                    x = x + residual(delay(inputs)[:, : self._n_frames])
            x = tf.nn.relu(x)
        return x
