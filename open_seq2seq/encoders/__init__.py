"""Encoders: features to a hidden vector."""

from open_seq2seq.encoders.resnet_encoder import ResNetEncoder

__all__ = ["ResNetEncoder"]
