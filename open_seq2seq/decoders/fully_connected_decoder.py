"""One linear layer from the hidden vector to the logits."""

from __future__ import annotations

from typing import Any

from open_seq2seq.components import Decoder, LayerOptions
from open_seq2seq.lazy import keras


class FullyConnectedDecoder(Decoder):
    """A linear classifier."""

    def build(self, hidden: Any, n_labels: int, options: LayerOptions) -> Any:
        """Map [batch, hidden] to logits [batch, n_labels], in float32: half precision would round the softmax."""
        logits = keras.layers.Dense(
            n_labels,
            kernel_initializer=options.new_initializer("glorot_uniform"),
            kernel_regularizer=options.regularizer,
            dtype=options.dtype,
            name="fully_connected_decoder.fully_connected",
        )(hidden)
        return keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
