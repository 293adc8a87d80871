"""Classification of a fixed-size image of features, one label per clip."""

from __future__ import annotations

from typing import Any

from open_seq2seq.components import Decoder, Encoder, LayerOptions
from open_seq2seq.lazy import keras


class Image2Label:
    """Encoder, then decoder: what ``base_model`` names in a config."""

    @staticmethod
    def build(encoder: Encoder, decoder: Decoder, shape: tuple[int, int], n_labels: int, options: LayerOptions) -> Any:
        """Return a Keras model from features [batch, frames, features] to float32 logits [batch, n_labels].

        Args:
            encoder: features to hidden vector.
            decoder: hidden vector to logits.
            shape: (frames, features) of one clip.
            n_labels: how many labels the data has.
            options: dtype, initializer and regularizer for all layers.
        """
        features = keras.Input(shape, dtype="float32", name="features")
        hidden = encoder.build(features, options)
        return keras.Model(features, decoder.build(hidden, n_labels, options), name="image2label")
