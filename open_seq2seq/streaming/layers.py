"""Layers over time that compute each output once, with what they still need of the past.

A layer takes a block of frames, float32 [frames, channels], and returns as many. Its outputs come
late by its look-ahead. Those before it has heard its whole field are of zeros, and mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
    """Return the positive part."""
    return np.maximum(x, np.float32(0))


def scale_and_offset(batch_norm: list[np.ndarray], epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what batch normalization multiplies by and adds.

    Args:
        batch_norm: gamma, beta, moving mean and moving variance.
        epsilon: added to the variance.
    """
    gamma, beta, mean, variance = batch_norm
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


class Past:
    """The last frames, [n_frames, n_channels], put before the next ones."""

    def __init__(self, n_frames: int, n_channels: int) -> None:
        self._frames: np.ndarray = np.zeros((n_frames, n_channels), np.float32)

    def extend(self, frames: np.ndarray) -> np.ndarray:
        """Return the past and these frames."""
        both = np.concatenate([self._frames, frames])
        self._frames = both[len(both) - len(self._frames) :]
        return both

    def delay(self, frames: np.ndarray) -> np.ndarray:
        """Return as many frames, of earlier."""
        return self.extend(frames)[: len(frames)]

    def reset(self) -> None:
        """Forget the past."""
        self._frames = np.zeros_like(self._frames)

    def state(self) -> np.ndarray:
        """Return a copy of the past."""
        return self._frames.copy()

    def restore(self, state: np.ndarray) -> None:
        """Go on from a state."""
        self._frames = state.copy()


class StreamConv(Past):
    """A convolution over time with stride 1, dense or depthwise, and a bias.

    Attributes:
        kernel, bias, dilation: as given, float32.
        n_channels: of its inputs.
        look_ahead: frames after an output's own that it depends on.
        field: frames that an output depends on.
        n_products: multiply-adds of a frame.
    """

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, dilation: int = 1) -> None:
        """Make the layer.

        Args:
            kernel: [taps, channels, filters], or [taps, channels] where it is depthwise.
            bias: [filters].
            dilation: in frames.
        """
        n_taps, n_channels = kernel.shape[:2]
        span = (n_taps - 1) * dilation
        super().__init__(span, n_channels)
        self.n_channels = n_channels
        self.kernel = kernel.astype(np.float32)
        self.bias = bias.astype(np.float32)
        self.dilation = dilation
        # as "same" padding divides the span
        self.look_ahead = span - span // 2
        self.field = span + 1
        self.n_products = kernel.size

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Convolve a block."""
        n_taps = len(self.kernel)
        both = self.extend(frames)
        taps = [both[tap * self.dilation :][: len(frames)] for tap in range(n_taps)]
        if self.kernel.ndim == 2:
            return np.einsum("knc,kc->nc", np.stack(taps), self.kernel) + self.bias
        if n_taps == 1:
            return frames @ self.kernel[0] + self.bias
        return np.concatenate(taps, axis=1) @ self.kernel.reshape(-1, len(self.bias)) + self.bias


class StreamBlock:
    """A part of a network with layers that remember.

    Attributes:
        look_ahead, field, n_products: as of `StreamConv`.
    """

    look_ahead: int
    field: int
    n_products: int

    def __init__(self, parts: list[Past]) -> None:
        self._parts = parts

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Compute a block of frames, [frames, channels]."""
        raise NotImplementedError(f"{type(self).__name__}.__call__")

    def reset(self) -> None:
        """Forget all frames."""
        for part in self._parts:
            part.reset()

    def state(self) -> list[np.ndarray]:
        """Return what `restore` needs to go on from here."""
        return [part.state() for part in self._parts]

    def restore(self, state: list[np.ndarray]) -> None:
        """Go on from a state."""
        for part, its_state in zip(self._parts, state, strict=True):
            part.restore(its_state)


class TDNNBlock(StreamBlock):
    """Convolutions one after the other, with inputs added to the last one's outputs.

    Attributes:
        convolutions, residuals, activation: as given.
    """

    def __init__(
        self,
        convolutions: list[list[StreamConv]],
        residuals: list[StreamConv],
        activation: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        """Make the block.

        Args:
            convolutions: those between two activations, in order.
            residuals: 1x1 convolution of the block's input, which is added before the last
                activation; none or one.
            activation: function of an array.
        """
        self.convolutions, self.residuals = convolutions, residuals
        self.activation = activation
        each = [conv for part in convolutions for conv in part]
        self.look_ahead = sum(conv.look_ahead for conv in each)
        self.field = 1 + sum(conv.field - 1 for conv in each)
        self.n_products = sum(conv.n_products for conv in [*each, *residuals])
        self._delays = [Past(self.look_ahead, conv.n_channels) for conv in residuals]
        super().__init__([*each, *residuals, *self._delays])

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Compute a block of frames."""
        x = frames
        for index, part in enumerate(self.convolutions):
            for conv in part:
                x = conv(x)
            if index == len(self.convolutions) - 1:
                for delay, residual in zip(self._delays, self.residuals, strict=True):
                    x = x + residual(delay.delay(frames))
            x = self.activation(x)
        return x
