"""The layers of a TDNN (MatchboxNet, QuartzNet) for a stream, from its Keras network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.encoders.tdnn_encoder import ConvLayer
from open_seq2seq.lazy import keras
from open_seq2seq.streaming.layers import (
    StreamConv,
    TDNNBlock,
    relu,
    scale_and_offset,
)
from open_seq2seq.structs import KerasModel


def tdnn_blocks(encoder: TDNNEncoder, network: KerasModel) -> list[TDNNBlock]:
    """Return the encoder's blocks with the network's weights, batch normalization folded in.

    Raises:
        ValueError: the encoder has strides, or a normalization over all frames: neither gives one
            output for each frame from a limited number of frames.
    """
    for index, layer in enumerate(encoder.convnet_layers):
        if layer.frames("stride") > 1 or layer.padding != "SAME":
            raise ValueError(
                "stride 1 and padding 'SAME' are needed in all layers, and "
                f"convnet_layers[{index}] has stride {layer.frames('stride')} and padding "
                f"{layer.padding!r}"
            )
    if encoder.normalization not in ("batch_norm", None):
        raise ValueError(
            f"batch_norm is needed, and the encoder has {encoder.normalization}, which averages "
            "over all frames of a clip"
        )
    if any(layer.residual_dense for layer in encoder.convnet_layers):
        raise ValueError("it cannot be done with residual_dense")
    weights = _Weights(encoder, network)
    return [
        weights.block(number, layer) for number, layer in enumerate(encoder.convnet_layers, start=1)
    ]


class _Weights:
    def __init__(self, encoder: TDNNEncoder, network: KerasModel) -> None:
        self._encoder, self._network = encoder, network
        self._activation = _activation(encoder.activation_fn)

    def block(self, number: int, layer: ConvLayer) -> TDNNBlock:
        names = [f"conv{number}{repeat}" for repeat in range(1, layer.repeat + 1)]
        residuals = []
        if layer.residual:
            residuals.append(self._conv(f"{names[-1]}.res", f"{names[-1]}.res_bn"))
        return TDNNBlock(
            [self._convolutions(name, layer) for name in names], residuals, self._activation
        )

    def _convolutions(self, name: str, layer: ConvLayer) -> list[StreamConv]:
        dilation = layer.frames("dilation")
        if not layer.separable:
            return [self._conv(name, f"{name}.bn", dilation)]
        kernel = self._get(f"{name}.depthwise")[0][:, 0, :, 0]
        depthwise = StreamConv(kernel, np.zeros(kernel.shape[1]), dilation)
        return [depthwise, self._conv(name, f"{name}.bn")]

    def _conv(self, name: str, norm: str, dilation: int = 1) -> StreamConv:
        kernel = self._get(name)[0][:, 0]  # [taps, channels, filters]
        bias = np.zeros(kernel.shape[-1])
        if self._encoder.normalization == "batch_norm":
            scale, bias = scale_and_offset(self._get(norm), self._encoder.bn_epsilon)
            kernel = kernel * scale
        return StreamConv(kernel, bias, dilation)

    def _get(self, name: str) -> list[np.ndarray]:
        return self._network.get_layer(f"tdnn_encoder.{name}").get_weights()


def _activation(function: str | Callable) -> Callable[[np.ndarray], np.ndarray]:
    if function == "relu":
        return relu
    keras_function = keras.activations.get(function)
    return lambda x: np.asarray(keras_function(x))
