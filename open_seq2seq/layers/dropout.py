"""Dropout of whole channels, as a product.

This module imports Keras: import it from `open_seq2seq.layers`.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from open_seq2seq.structs import Tensor


class ChannelDropout(keras.layers.SpatialDropout2D):
    """SpatialDropout2D with the same draws; Keras selects each number by itself."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """In training, set whole channels of a clip to zero and scale the others."""
        if not training:
            return inputs
        ones = tf.ones((tf.shape(inputs)[0], 1, 1, inputs.shape[3]), inputs.dtype)
        return inputs * keras.random.dropout(ones, self.rate, seed=self.seed_generator)
