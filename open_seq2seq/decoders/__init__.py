"""Decoders: a hidden vector to logits."""

from open_seq2seq.decoders.fully_connected_decoder import FullyConnectedDecoder

__all__ = ["FullyConnectedDecoder"]
