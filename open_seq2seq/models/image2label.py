"""Classification of a fixed-size image of features, one label per clip."""

from __future__ import annotations

from typing import Any

from open_seq2seq.components import Decoder, Encoder, LayerOptions
from open_seq2seq.lazy import keras


class Image2Label:
    """Encoder, then decoder: what ``base_model`` names in a config."""

    @staticmethod
    def build(
        encoder: Encoder,
        decoder: Decoder,
        shape: tuple[int, int],
        n_labels: int,
        options: LayerOptions,
    ) -> Any:
        """Return a Keras model from `Batch.inputs` to float32 logits [batch, n_labels].

        Args:
            encoder: features to hidden representation.
            decoder: hidden representation to logits.
            shape: (frames, features) of one clip.
            n_labels: how many labels the data has.
            options: dtype, initializer and regularizer for all layers.
        """
        features = keras.Input(shape, dtype="float32", name="features")
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs = {"features": features, "lengths": lengths}
        # an encoder may leave the lengths alone, and Keras before 3.13 refuses inputs that nothing
        # depends on
        features = keras.layers.Lambda(lambda pair: pair[0], dtype="float32", name="inputs")(
            [features, lengths]
        )
        encoded = encoder.build(features, lengths, options)
        return keras.Model(inputs, decoder.build(encoded, n_labels, options), name="image2label")
