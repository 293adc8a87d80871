"""Classification of a fixed-size image of features, one label per clip."""

from __future__ import annotations

from open_seq2seq.components import Decoder, Encoder, LayerOptions
from open_seq2seq.lazy import keras
from open_seq2seq.structs import KerasModel


class Image2Label:
    """An encoder followed by a decoder; the value of ``base_model`` in a config."""

    @staticmethod
    def build(
        encoder: Encoder,
        decoder: Decoder,
        shape: tuple[int, int],
        n_labels: int,
        options: LayerOptions,
    ) -> KerasModel:
        """Return a Keras model from `Batch.inputs` to float32 logits [batch, n_labels].

        Args:
            encoder: maps features to a hidden representation.
            decoder: maps the hidden representation to logits.
            shape: (frames, features) of one clip.
            n_labels: number of labels.
            options: dtype, initializer and regularizer of all layers.
        """
        features = keras.Input(shape, dtype="float32", name="features")
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs = {"features": features, "lengths": lengths}
        # an encoder may ignore the lengths, and Keras before 3.13 refuses inputs without effect
        features = keras.layers.Lambda(lambda pair: pair[0], dtype="float32", name="inputs")(
            [features, lengths]
        )
        encoded = encoder.build(features, lengths, options)
        return keras.Model(inputs, decoder.build(encoded, n_labels, options), name="image2label")
