"""Decoders with one linear layer: of a vector, of all frames, or of their mean or maximum."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from open_seq2seq.components import Decoder, LayerOptions
from open_seq2seq.errors import UserError
from open_seq2seq.layers.masks import frame_mask
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs, Tensor


class _LinearDecoder(Decoder):
    """One linear layer to the logits."""

    output_layer: ClassVar[str] = "fully_connected_decoder.fully_connected"

    def _logits(self, hidden: Tensor, n_labels: int, options: LayerOptions) -> Tensor:
        logits = keras.layers.Dense(
            n_labels,
            kernel_initializer=options.new_initializer("glorot_uniform"),
            kernel_regularizer=options.regularizer,
            dtype=options.dtype,
            name=self.output_layer,
        )(hidden)
        # float32: half precision would round the softmax
        return keras.layers.Activation("linear", dtype="float32", name="logits")(logits)


class FullyConnectedDecoder(_LinearDecoder):
    """A linear classifier of a vector, such as ResNetEncoder gives."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, hidden] to logits [batch, n_labels]."""
        if len(encoded.hidden.shape) > 2:
            raise UserError(
                "decoder: FullyConnectedDecoder takes one vector per clip, and this encoder gives one per frame; use "
                "FullyConnectedSCDecoder, or PooledDecoder"
            )
        return self._logits(encoded.hidden, n_labels, options)


class FullyConnectedSCDecoder(_LinearDecoder):
    """A linear classifier of all frames side by side, such as TDNNEncoder gives."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, frames, hidden] to logits [batch, n_labels]."""
        return self._logits(
            keras.layers.Flatten(dtype=options.dtype)(encoded.hidden), n_labels, options
        )


class PooledDecoder(_LinearDecoder):
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
        return self._logits(
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
