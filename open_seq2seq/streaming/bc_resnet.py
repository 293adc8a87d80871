"""The layers of a BC-ResNet for a stream, from its Keras network.

Only the head, the tail and the middle of each block look at other frames; all else is within one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from open_seq2seq.encoders import BCResNetEncoder
from open_seq2seq.encoders.bc_resnet_encoder import HALVES_FEATURES
from open_seq2seq.streaming.layers import Past, StreamBlock, StreamConv, relu, scale_and_offset
from open_seq2seq.structs import KerasModel


def bc_resnet_blocks(
    encoder: BCResNetEncoder, network: KerasModel, n_features: int
) -> list[StreamBlock]:
    """Return the encoder's parts with the network's weights, batch normalization folded in.

    Args:
        encoder: of the network.
        network: has the weights.
        n_features: of a frame.
    """
    weights = _Weights(encoder, network)
    head = _Head(weights, n_features)
    blocks: list[StreamBlock] = [head]
    n_features, n_channels = head.shape
    for name in _names(encoder):
        block = _Block(weights, name, n_features, n_channels)
        n_features, n_channels = block.shape
        blocks.append(block)
    return [*blocks, _Tail(weights, n_features, n_channels)]


def _names(encoder: BCResNetEncoder) -> list[str]:
    return [f"{stage}_{block}" for stage, n in enumerate(encoder.num_blocks) for block in range(n)]


class _Weights:
    """Weights by name; normalizations are numbered in the order of the layers."""

    def __init__(self, encoder: BCResNetEncoder, network: KerasModel) -> None:
        self._network, self._epsilon = network, encoder.bn_epsilon
        self.n_bands = encoder.num_bands
        self._names = {layer.name for layer in network.layers}
        self._n_norms = 0

    def has(self, name: str) -> bool:
        return f"bc_resnet_encoder.{name}" in self._names

    def kernel(self, name: str) -> np.ndarray:
        return self._layer(name).get_weights()[0]

    def dilation(self, name: str) -> int:
        return self._layer(name).dilation_rate[0]

    def norm(self) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and offset of the next normalization."""
        self._n_norms += 1
        return scale_and_offset(self._layer(f"norm_{self._n_norms}").get_weights(), self._epsilon)

    def _layer(self, name: str) -> Any:
        return self._network.get_layer(f"bc_resnet_encoder.{name}")


class _Head(StreamBlock):
    """A convolution of 5 x 5 that halves the features, as one of 5 frames over all of them."""

    def __init__(self, weights: _Weights, n_features: int) -> None:
        kernel = weights.kernel("head")  # [taps, width, 1, filters]
        scale, offset = weights.norm()
        n_taps, width, _, n_filters = kernel.shape
        self.shape = n_out, _ = (n_features // 2, n_filters)
        spread = np.zeros((n_taps, n_features + width - 1, n_out, n_filters))
        for out in range(n_out):
            spread[:, 2 * out : 2 * out + width, out] = kernel[:, :, 0] * scale
        inside = spread[:, width // 2 : width // 2 + n_features]
        self._conv = StreamConv(
            inside.reshape(n_taps, n_features, n_out * n_filters), np.tile(offset, n_out)
        )
        self.look_ahead, self.field = self._conv.look_ahead, self._conv.field
        self.n_products = kernel.size * n_out
        super().__init__([self._conv])

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return relu(self._conv(frames))


class _Block(StreamBlock):
    """Over the features of each frame, then over the time of their mean, which all get."""

    def __init__(self, weights: _Weights, name: str, n_features: int, n_channels: int) -> None:
        self._shape = n_features, n_channels
        self._expand: tuple[np.ndarray, ...] | None = None
        if weights.has(f"{name}.expand"):
            kernel = weights.kernel(f"{name}.expand")[0, 0]
            scale, offset = weights.norm()
            self._expand = _float32(kernel * scale, offset)
        over_features = weights.kernel(f"{name}.over_features.depthwise")[0, :, :, 0]  # [3, c]
        n_filters = over_features.shape[1]
        stage, block = map(int, name.split("_"))
        self._step = 2 if HALVES_FEATURES[stage] and block == 0 else 1
        n_out = n_features // self._step
        self.shape = n_out, n_filters
        # scale and offset of each band and channel
        scale, offset = (
            np.repeat(values.reshape(weights.n_bands, n_filters), n_out // weights.n_bands, axis=0)
            for values in weights.norm()
        )
        self._taps, self._offset = _float32(over_features[:, None] * scale, offset)
        over_time = weights.kernel(f"{name}.over_time.depthwise")[:, 0, :, 0]
        time_scale, time_offset = weights.norm()
        dilation = weights.dilation(f"{name}.over_time.depthwise")
        self._over_time = StreamConv(over_time * time_scale, time_offset, dilation)
        (self._pointwise,) = _float32(weights.kernel(f"{name}.pointwise")[0, 0])
        self.look_ahead, self.field = self._over_time.look_ahead, self._over_time.field
        self._delay = Past(self.look_ahead, n_out * n_filters)
        self._shortcut: Past | None = None
        if self._expand is None:
            self._shortcut = Past(self.look_ahead, n_features * n_channels)
        expanding = 0 if self._expand is None else n_features * self._expand[0].size
        self.n_products = (
            expanding + n_out * over_features.size + over_time.size + self._pointwise.size
        )
        remembering = [self._over_time, self._delay, self._shortcut]
        super().__init__([part for part in remembering if part is not None])

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        x = frames.reshape(len(frames), *self._shape)
        if self._expand is not None:
            kernel, offset = self._expand
            x = relu(x @ kernel + offset)
        padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        n_features = x.shape[1]
        x = self._offset + sum(
            padded[:, tap : tap + n_features : self._step] * weights
            for tap, weights in enumerate(self._taps)
        )
        over_time = self._over_time(x.mean(axis=1))
        over_time = over_time / (1.0 + np.exp(-over_time)) @ self._pointwise  # silu
        flat = self._delay.delay(x.reshape(len(frames), -1)).reshape(x.shape)
        out = (flat + over_time[:, None]).reshape(len(frames), -1)
        if self._shortcut is not None:
            out = out + self._shortcut.delay(frames)
        return relu(out)


class _Tail(StreamBlock):
    """A depthwise convolution of 5 x 5 without padding over the features, and their mean."""

    def __init__(self, weights: _Weights, n_features: int, n_channels: int) -> None:
        kernel = weights.kernel("tail.depthwise")[:, :, :, 0]  # [taps, width, channels]
        scale, offset = weights.norm()
        self._pointwise, self._offset = _float32(weights.kernel("tail_1x1")[0, 0] * scale, offset)
        n_taps, width, _ = kernel.shape
        n_out = n_features - width + 1
        # one convolution over time for each output feature, which sees a part of the features
        self._convolutions = [
            StreamConv(kernel.reshape(n_taps, -1), np.zeros(width * n_channels))
            for _ in range(n_out)
        ]
        self._shape = n_features, n_channels
        self._width = width
        self.look_ahead = self._convolutions[0].look_ahead
        self.field = self._convolutions[0].field
        self.n_products = n_out * (kernel.size + self._pointwise.size)
        super().__init__(list(self._convolutions))

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        x = frames.reshape(len(frames), *self._shape)
        outputs = []
        for first, conv in enumerate(self._convolutions):
            part = x[:, first : first + self._width]
            seen = conv(part.reshape(len(frames), -1)).reshape(part.shape)
            outputs.append(relu(seen.sum(axis=1) @ self._pointwise + self._offset))
        return np.mean(outputs, axis=0)


def _float32(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(array.astype(np.float32) for array in arrays)
