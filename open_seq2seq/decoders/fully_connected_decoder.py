"""Linear classifiers of a vector, of all frames, or of the mean or maximum over the frames."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

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
    """Linear classifier of one vector per clip, the output of ResNetEncoder and BCResNetEncoder."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Tensor:
        """Map [batch, hidden] to logits [batch, n_labels].

        Raises:
            UserError: the encoder's output has frames.
        """
        if len(encoded.hidden.shape) > 2:
            raise UserError(
                "decoder: FullyConnectedDecoder expects one vector per clip, but this encoder "
                "outputs one per frame; use FullyConnectedSCDecoder or PooledDecoder"
            )
        return self._logits(encoded.hidden, n_labels, options)


class FullyConnectedSCDecoder(_LinearDecoder):
    """Linear classifier of all frames, concatenated; for the output of TDNNEncoder."""

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Tensor:
        """Map [batch, frames, hidden] to logits [batch, n_labels]."""
        return self._logits(
            keras.layers.Flatten(dtype=options.dtype)(encoded.hidden), n_labels, options
        )


class PooledDecoder(_LinearDecoder):
    """Linear classifier of the mean or the maximum over the frames."""

    pooling: Literal["mean", "max"] = Field(
        default="mean", description="Pooling over the frames: their mean or their maximum."
    )
    use_lengths: bool = Field(
        default=False,
        description="Whether pooling leaves out padding frames, those after the end of the clip.",
    )

    pooled_frames: int | None = Field(
        default=None,
        gt=0,
        description="Largest number of frames that are pooled, those in the middle; None: all. For "
        "a network that is to hear a stream, so few that none has seen padding.",
    )

    @model_validator(mode="after")
    def _check_frames(self) -> PooledDecoder:
        if self.use_lengths and self.pooled_frames is not None:
            raise ValueError("use_lengths and pooled_frames cannot both be set")
        return self

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Tensor:
        """Map [batch, frames, hidden] to logits [batch, n_labels].

        Raises:
            UserError: the encoder's output has no frames.
        """
        hidden, lengths = encoded
        if len(hidden.shape) == 2:
            raise UserError(
                "decoder: PooledDecoder expects one vector per frame, but this encoder outputs one "
                "per clip; use FullyConnectedDecoder"
            )
        if self.pooled_frames is not None:
            first = max(0, hidden.shape[1] - self.pooled_frames) // 2
            hidden = hidden[:, first : first + self.pooled_frames]
        if self.use_lengths:
            pooled = self._pool_clip(hidden, lengths)
        else:
            pooled = self._pool_all(hidden, options)
        return self._logits(pooled, n_labels, options)

    def _pool_all(self, hidden: Tensor, options: LayerOptions) -> Tensor:
        if self.pooling == "mean":
            return keras.layers.GlobalAveragePooling1D(dtype=options.dtype)(hidden)
        return keras.layers.GlobalMaxPooling1D(dtype=options.dtype)(hidden)

    def _pool_clip(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        is_clip = frame_mask(lengths, hidden.shape[1])[:, :, None]  # [batch, frames, 1]
        if self.pooling == "mean":
            weights = keras.ops.cast(is_clip, hidden.dtype)
            return keras.ops.sum(hidden * weights, axis=1) / keras.ops.sum(weights, axis=1)
        lowest = keras.ops.full_like(hidden, float("-inf"))
        return keras.ops.max(keras.ops.where(is_clip, hidden, lowest), axis=1)
