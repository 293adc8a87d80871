"""Encoders: features to a hidden representation."""

from open_seq2seq.encoders.resnet_encoder import ResNetEncoder
from open_seq2seq.encoders.tdnn_encoder import ConvLayer, TDNNEncoder

__all__ = ["ConvLayer", "ResNetEncoder", "TDNNEncoder"]
