"""Models: how encoder and decoder are put together."""

from open_seq2seq.models.image2label import Image2Label

__all__ = ["Image2Label"]
