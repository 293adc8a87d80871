"""Multiply-adds of a network, counted by hand."""

from open_seq2seq.lazy import keras
from open_seq2seq.network import multiply_adds


def test_each_weight_of_a_kernel_counts_once_for_every_position():
    layers = keras.layers
    inputs = keras.Input((10, 6, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)  # [5, 3, 8]
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(4)(x)
    expected = 15 * 3 * 3 * 1 * 8 + 15 * 3 * 3 * 8 + 8 * 4
    assert multiply_adds(keras.Model(inputs, x)) == expected
