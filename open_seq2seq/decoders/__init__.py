"""Decoders: what an encoder gives, to logits."""

from open_seq2seq.decoders.fully_connected_decoder import (
    FullyConnectedDecoder,
    FullyConnectedSCDecoder,
    PooledDecoder,
)

__all__ = ["FullyConnectedDecoder", "FullyConnectedSCDecoder", "PooledDecoder"]
