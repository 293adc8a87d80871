"""Models: an encoder and a decoder as one Keras model."""

from open_seq2seq.models.image2label import Image2Label

__all__ = ["Image2Label"]
