"""Decoders: from an encoder's outputs to logits."""

from open_seq2seq.decoders.fully_connected_decoder import (
    FullyConnectedDecoder,
    FullyConnectedSCDecoder,
    PooledDecoder,
)

__all__ = ["FullyConnectedDecoder", "FullyConnectedSCDecoder", "PooledDecoder"]
