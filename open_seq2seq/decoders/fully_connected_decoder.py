"""One linear layer to the logits, on a vector, on all frames, or on the mean or maximum over the
frames.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from open_seq2seq.components import Decoder, LayerOptions
from open_seq2seq.errors import UserError
from open_seq2seq.layers.masks import frame_mask
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs


class FullyConnectedDecoder(Decoder):
    """A linear classifier of a vector, such as ResNetEncoder gives."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, hidden] to logits [batch, n_labels]."""
        if len(encoded.hidden.shape) > 2:
            raise UserError(
                "decoder: FullyConnectedDecoder takes one vector per clip, and this encoder gives one per frame; use "
                "FullyConnectedSCDecoder, or PooledDecoder"
            )
        return _logits(encoded.hidden, n_labels, options)


class FullyConnectedSCDecoder(Decoder):
    """A linear classifier of all frames side by side, such as TDNNEncoder gives."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, frames, hidden] to logits [batch, n_labels]."""
        return _logits(keras.layers.Flatten(dtype=options.dtype)(encoded.hidden), n_labels, options)


class PooledDecoder(Decoder):
    """A linear classifier of the mean or the maximum over the frames."""

    pooling: Literal["mean", "max"] = Field(
        default="mean", description="What is taken over the frames."
    )
    use_lengths: bool = Field(
        default=False,
        description="Take the frames of the clip only; False: those that fill the image as well.",
    )

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, frames, hidden] to logits [batch, n_labels]."""
        hidden, lengths = encoded
        if len(hidden.shape) == 2:
            raise UserError(
                "decoder: PooledDecoder takes one vector per frame; use FullyConnectedDecoder here"
            )
        return _logits(
            self._pool(hidden, lengths if self.use_lengths else None, options), n_labels, options
        )

    def _pool(self, hidden: Any, lengths: Any, options: LayerOptions) -> Any:
        takes_mean = self.pooling == "mean"
        if lengths is None:
            pool = (
                keras.layers.GlobalAveragePooling1D
                if takes_mean
                else keras.layers.GlobalMaxPooling1D
            )
            return pool(dtype=options.dtype)(hidden)
        is_clip = frame_mask(lengths, hidden.shape[1])[:, :, None]
        if takes_mean:
            weights = keras.ops.cast(is_clip, hidden.dtype)
            return keras.ops.sum(hidden * weights, axis=1) / keras.ops.sum(weights, axis=1)
        return keras.ops.max(
            keras.ops.where(is_clip, hidden, keras.ops.full_like(hidden, float("-inf"))), axis=1
        )


def _logits(hidden: Any, n_labels: int, options: LayerOptions) -> Any:
    logits = keras.layers.Dense(
        n_labels,
        kernel_initializer=options.new_initializer("glorot_uniform"),
        kernel_regularizer=options.regularizer,
        dtype=options.dtype,
        name="fully_connected_decoder.fully_connected",
    )(hidden)
    # float32: half precision would round the softmax
    return keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
