"""Encoders: from features to a hidden representation."""

from open_seq2seq.encoders.bc_resnet_encoder import BCResNetEncoder
from open_seq2seq.encoders.resnet_encoder import ResNetEncoder
from open_seq2seq.encoders.tdnn_encoder import ConvLayer, TDNNEncoder

__all__ = ["BCResNetEncoder", "ConvLayer", "ResNetEncoder", "TDNNEncoder"]
