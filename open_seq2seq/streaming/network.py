"""A network that hears a stream: each frame and each layer's output is computed once."""

from __future__ import annotations

import numpy as np

from open_seq2seq.decoders import FullyConnectedDecoder, PooledDecoder
from open_seq2seq.encoders import BCResNetEncoder, TDNNEncoder
from open_seq2seq.network import classes_beyond_labels
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.bc_resnet import bc_resnet_blocks
from open_seq2seq.streaming.layers import StreamBlock
from open_seq2seq.streaming.tdnn import tdnn_blocks


class StreamNetwork:
    """Blocks over time, pooling over the last frames, and a linear classifier.

    Attributes:
        blocks: in order.
        pools_maximum: over the frames, or else their mean.
        pooled_frames: how many the network was trained to pool; None: all of its image.
        kernel, bias: of the classifier, float32 [hidden, classes] and [classes].
        outputs: how logits become probabilities.
        merged: classes beyond the labels; None: there are none.
        look_ahead: frames after an output's own that it depends on.
        field: frames that an output depends on.
        n_products: multiply-adds of a frame.
    """

    def __init__(self, model: PretrainedModel) -> None:
        """Take a network apart.

        Args:
            model: a TDNN of stride 1 with a decoder that pools over the frames, or a BC-ResNet.

        Raises:
            ValueError: the network cannot be computed so.
        """
        self.blocks, self.pools_maximum, output_layer = _parts(model)
        self.pooled_frames: int | None = getattr(model.decoder, "pooled_frames", None)
        kernel, bias = model.network.get_layer(output_layer).get_weights()
        self.outputs = model.outputs
        self.merged = classes_beyond_labels(model.network)
        self.kernel, self.bias = kernel.astype(np.float32), bias.astype(np.float32)
        self.look_ahead = sum(block.look_ahead for block in self.blocks)
        self.field = 1 + sum(block.field - 1 for block in self.blocks)
        self.n_products = sum(block.n_products for block in self.blocks)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the outputs of the blocks for the next frames, [frames, hidden]."""
        for block in self.blocks:
            frames = block(frames)
        return frames

    def logits(self, hidden: np.ndarray) -> np.ndarray:
        """Return the logits of the labels, float32 [windows, labels].

        Args:
            hidden: outputs that are pooled, [windows, hidden, frames].
        """
        pooled = hidden.max(axis=2) if self.pools_maximum else hidden.mean(axis=2)
        logits: np.ndarray = pooled @ self.kernel + self.bias
        if self.merged is None:
            return logits
        n_labels, merged = logits.shape[1] - self.merged.n, self.merged.label
        its = np.concatenate([logits[:, merged : merged + 1], logits[:, n_labels:]], axis=1)
        logits[:, merged] = np.logaddexp.reduce(its, axis=1)
        return logits[:, :n_labels]

    def probabilities(self, hidden: np.ndarray) -> np.ndarray:
        """Return the probabilities of the labels, as `logits`."""
        logits = self.logits(hidden)
        if self.outputs == "sigmoid":
            return sigmoid(logits)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def reset(self) -> None:
        """Forget all frames."""
        for block in self.blocks:
            block.reset()

    def state(self) -> list[list[np.ndarray]]:
        """Return what `restore` needs to go on from here."""
        return [block.state() for block in self.blocks]

    def restore(self, state: list[list[np.ndarray]]) -> None:
        """Go on from a state."""
        for block, its_state in zip(self.blocks, state, strict=True):
            block.restore(its_state)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return the sigmoid; by the hyperbolic tangent, which no logit is too large for."""
    return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * logits)


def _parts(model: PretrainedModel) -> tuple[list[StreamBlock], bool, str]:
    """Return the encoder's blocks, whether the maximum is pooled, and the last layer's name.

    Raises:
        ValueError: it has none.
    """
    encoder, decoder = model.encoder, model.decoder
    if isinstance(encoder, TDNNEncoder) and isinstance(decoder, PooledDecoder):
        blocks = tdnn_blocks(encoder, model.network)
        return list(blocks), decoder.pooling == "max", decoder.output_layer
    if isinstance(encoder, BCResNetEncoder) and isinstance(decoder, FullyConnectedDecoder):
        n_features = model.data_layer.num_audio_features
        return bc_resnet_blocks(encoder, model.network, n_features), False, decoder.output_layer
    raise ValueError(
        "a TDNNEncoder with a PooledDecoder is needed, or a BCResNetEncoder; the model has "
        f"{type(encoder).__name__} and {type(decoder).__name__}"
    )
