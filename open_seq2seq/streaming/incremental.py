"""Probabilities of a stream in which each frame and each layer's output is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.data.features import count_frames
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.decoders import FullyConnectedDecoder, PooledDecoder
from open_seq2seq.encoders import BCResNetEncoder, TDNNEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.inference.params import Windows
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.bc_resnet import bc_resnet_blocks
from open_seq2seq.streaming.front_end import StreamFrontEnd
from open_seq2seq.streaming.layers import StreamBlock
from open_seq2seq.streaming.tdnn import tdnn_blocks
from open_seq2seq.streaming.windows import Scores


class IncrementalScorer:
    """Pools the network's outputs over the frames of the last window, once every hop.

    They are those of the same network over the whole signal, without padding.

    Attributes:
        products_per_second: multiply-adds of the network; the front end is not counted.
    """

    def __init__(self, model: PretrainedModel, windows: Windows) -> None:
        """Take the network apart.

        Args:
            model: a TDNN of stride 1 with a decoder that pools over the frames, or a BC-ResNet.
            windows: their length and hop in samples, rounded to frames.

        Raises:
            UserError: the network cannot be computed so.
        """
        front_end = model.data_layer
        self._blocks, is_max, output_layer = _parts(model)
        self._pool = np.max if is_max else np.mean
        kernel, bias = model.network.get_layer(output_layer).get_weights()
        self._kernel, self._bias = kernel.astype(np.float32), bias.astype(np.float32)
        self._hop = front_end.hop_length
        self._n_fft = front_end.n_fft
        self._n_pooled = min(count_frames(windows.length, self._hop), front_end.audio_length)
        self._n_frames = max(1, round(windows.hop / self._hop))
        self._front_end = StreamFrontEnd(part_of(front_end, FrontEnd), self._n_frames)
        self._look_ahead = sum(block.look_ahead for block in self._blocks)
        self._field = 1 + sum(block.field - 1 for block in self._blocks)
        self.products_per_second = (
            sum(block.n_products for block in self._blocks)
            * front_end.sample_rate
            / front_end.hop_length
        )
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._front_end.reset()
        for block in self._blocks:
            block.reset()
        self._n_heard = 0  # frames; Python's integers have no end
        self._hidden: np.ndarray = np.zeros((self._n_pooled, len(self._kernel)), np.float32)

    def push(self, samples: np.ndarray) -> Iterator[Scores]:
        """Take int16 samples and yield the windows that they complete."""
        for frames in self._front_end.push(samples):
            x = frames
            for block in self._blocks:
                x = block(x)
            self._hidden = np.concatenate([self._hidden, x])[-self._n_pooled :]
            self._n_heard += len(frames)
            if self._n_heard >= self._field - 1 + self._n_pooled:
                last = self._n_heard - 1 - self._look_ahead  # frame of the newest output
                first = last - self._n_pooled + 1
                yield Scores(first * self._hop, last * self._hop + self._n_fft, self._pooled())

    def _pooled(self) -> np.ndarray:
        logits = self._pool(self._hidden, axis=0) @ self._kernel + self._bias
        powers = np.exp(logits - logits.max())
        return powers / powers.sum()

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here."""
        return {
            "front_end": self._front_end.state(),
            "blocks": [block.state() for block in self._blocks],
            "n_heard": self._n_heard,
            "hidden": self._hidden.copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._front_end.restore(state["front_end"])
        for block, its_state in zip(self._blocks, state["blocks"], strict=True):
            block.restore(its_state)
        self._n_heard, self._hidden = int(state["n_heard"]), state["hidden"].copy()


def _parts(model: PretrainedModel) -> tuple[list[StreamBlock], bool, str]:
    """Return the encoder's blocks, whether the maximum is pooled, and the last layer's name."""
    encoder, decoder = model.encoder, model.decoder
    if isinstance(encoder, TDNNEncoder) and isinstance(decoder, PooledDecoder):
        blocks = tdnn_blocks(encoder, model.network)
        return blocks, decoder.pooling == "max", decoder.output_layer
    if isinstance(encoder, BCResNetEncoder) and isinstance(decoder, FullyConnectedDecoder):
        n_features = model.data_layer.num_audio_features
        return bc_resnet_blocks(encoder, model.network, n_features), False, decoder.output_layer
    raise UserError(
        "method: incremental needs a TDNNEncoder with a PooledDecoder, or a BCResNetEncoder; the "
        f"model has {type(encoder).__name__} and {type(decoder).__name__}; listen with "
        "--method=windows"
    )
