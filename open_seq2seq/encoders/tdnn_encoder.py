"""Stacks of convolutions over time: Jasper, and with ``separable`` layers QuartzNet and
MatchboxNet.

Li et al., "Jasper: An End-to-End Convolutional Neural Acoustic Model", 2019; Majumdar and Ginsburg,
"MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture for Speech
Commands Recognition", 2020.

A block repeats convolution, normalization, activation and dropout. A residual block adds a 1x1
convolution with its own normalization of the block's input before the last activation. All works on
[batch, frames, 1, channels] with kernels
of [k, 1]: TensorFlow's two-dimensional convolutions are its fast ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Encoder, LayerOptions, Params
from open_seq2seq.layers import batch_norm, time_conv
from open_seq2seq.layers.masks import frame_mask
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs


class ConvLayer(Params):
    """One entry of ``convnet_layers``: a block of ``repeat`` equal convolutions."""

    type: Literal["conv1d", "conv2d"] = Field(
        default="conv1d", description="Both mean a convolution over time."
    )
    repeat: int = Field(default=1, gt=0, description="Convolutions in the block.")
    kernel_size: int | list[int] = Field(description="Frames: k, [k] or [k, 1].")
    stride: int | list[int] = Field(default=1, description="Frames from output to output.")
    dilation: int | list[int] = Field(default=1, description="Frames from tap to tap.")
    num_channels: int = Field(gt=0, description="Output channels.")
    padding: Literal["SAME", "VALID"] = Field(default="SAME", description="As in TensorFlow.")
    separable: bool = Field(
        default=False, description="A depthwise convolution over time, then a 1x1 convolution."
    )
    dropout_keep_prob: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of values that dropout keeps; by default the encoder's.",
    )
    residual: bool = Field(
        default=False, description="Add the block's input before its last activation."
    )
    residual_dense: bool = Field(
        default=False, description="Add the inputs of all residual blocks before it as well."
    )

    @field_validator("kernel_size", "stride", "dilation")
    @classmethod
    def _check_frames(cls, value: int | list[int]) -> int | list[int]:
        frames, *width = value if isinstance(value, list) else [value]
        if frames < 1 or width not in ([], [1]):
            raise ValueError(f"expected k, [k] or [k, 1] with k of 1 or more, got {value}")
        return value

    @model_validator(mode="after")
    def _check_residual(self) -> ConvLayer:
        if self.residual and (self.frames("stride") > 1 or self.padding == "VALID"):
            raise ValueError(
                "a residual block keeps the number of frames: stride 1 and padding 'SAME'"
            )
        if self.residual_dense and not self.residual:
            raise ValueError("residual_dense needs 'residual': True")
        if self.frames("stride") > 1 and self.frames("dilation") > 1:
            raise ValueError("stride and dilation cannot both be above 1")
        return self

    def frames(self, name: str) -> int:
        """Return kernel_size, stride or dilation as a number."""
        value = getattr(self, name)
        return value[0] if isinstance(value, list) else value

    def length_after(self, length: Any) -> Any:
        """Return the number of frames after one of the block's convolutions; for a number or a
        tensor.
        """
        stride = self.frames("stride")
        if self.padding == "SAME":
            return (length + stride - 1) // stride
        return (
            length - (self.frames("kernel_size") - 1) * self.frames("dilation") - 1
        ) // stride + 1


class TDNNEncoder(Encoder):
    """Time-delay neural network; the output is [batch, frames, channels]."""

    convnet_layers: list[ConvLayer] = Field(
        min_length=1, description="The blocks, from input to output."
    )
    activation_fn: str | Callable = Field(
        default="relu", description="A function, or its name in keras.activations."
    )
    dropout_keep_prob: float = Field(
        default=1.0, gt=0, le=1, description="For the blocks that do not say their own."
    )
    normalization: Literal["batch_norm", "layer_norm", "instance_norm"] | None = Field(
        default="batch_norm", description="After each convolution."
    )
    bn_momentum: float = Field(
        default=0.9, ge=0, lt=1, description="Momentum of BatchNorm's moving statistics."
    )
    bn_epsilon: float = Field(default=1e-3, gt=0, description="Added to BatchNorm's variance.")
    use_conv_mask: bool = Field(
        default=False,
        description="Set the input of every convolution to zero after the end of the clip.",
    )
    data_format: Literal["channels_last"] = Field(
        default="channels_last", description="Layout of the frames."
    )

    def build(self, features: Any, lengths: Any, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, frames after all strides, channels]."""
        layers = _Layers(self, options)
        n_frames, n_features = features.shape[1:]
        x = keras.layers.Reshape((n_frames, 1, n_features), dtype=options.dtype)(features)
        block_inputs: list[Any] = []
        for block, layer in enumerate(self.convnet_layers, start=1):
            if layer.residual:
                block_inputs.append(layers.masked(x, lengths))
            for repeat in range(1, layer.repeat + 1):
                name = f"conv{block}{repeat}"
                x = layers.norm(layers.conv(x, lengths, layer, name), f"{name}.bn")
                lengths = layer.length_after(lengths)
                if layer.residual and repeat == layer.repeat:
                    added = block_inputs if layer.residual_dense else block_inputs[-1:]
                    x = layers.add([x, *layers.residuals(added, layer, name)])
                x = layers.activation(x, layer)
        return EncoderOutputs(
            keras.layers.Reshape((x.shape[1], x.shape[3]), dtype=options.dtype)(x), lengths
        )


class _Layers:
    """The layers of one network, named as OpenSeq2Seq names them: conv11, conv11.bn, conv23.res ..."""

    def __init__(self, params: TDNNEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options

    def conv(self, x: Any, lengths: Any, layer: ConvLayer, name: str) -> Any:
        x = self.masked(x, lengths)
        kernel, stride, dilation = (
            layer.frames(what) for what in ("kernel_size", "stride", "dilation")
        )
        how = {
            # over both axes, of which the second has one place: TensorFlow's own depthwise kernels
            # take no other strides
            "strides": (stride, stride),
            "dilation_rate": (dilation, 1),
            "padding": layer.padding.lower(),
        }
        if not layer.separable:
            return self._conv(x, layer.num_channels, (kernel, 1), name, **how)
        x = self.masked(self._depthwise(x, (kernel, 1), name, **how), layer.length_after(lengths))
        return self._conv(x, layer.num_channels, (1, 1), name)

    def _conv(self, x: Any, channels: int, kernel: tuple[int, int], name: str, **how: Any) -> Any:
        return time_conv.TimeConv(
            channels,
            kernel,
            use_bias=False,
            kernel_initializer=self.options.new_initializer("glorot_uniform"),
            kernel_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"tdnn_encoder.{name}",
            **how,
        )(x)

    def _depthwise(self, x: Any, kernel: tuple[int, int], name: str, **how: Any) -> Any:
        return keras.layers.DepthwiseConv2D(
            kernel,
            use_bias=False,
            depthwise_initializer=self.options.new_initializer("glorot_uniform"),
            depthwise_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"tdnn_encoder.{name}.depthwise",
            **how,
        )(x)

    def residuals(self, inputs: list[Any], layer: ConvLayer, name: str) -> list[Any]:
        """Return what a residual block adds: each of ``inputs`` through a 1x1 convolution and a
        normalization.
        """
        ends = [f"_{i}" for i in range(len(inputs))] if layer.residual_dense else [""]
        return [
            self.norm(
                self._conv(x, layer.num_channels, (1, 1), f"{name}.res{end}"), f"{name}.res_bn{end}"
            )
            for x, end in zip(inputs, ends, strict=True)
        ]

    def add(self, values: list[Any]) -> Any:
        return keras.layers.Add(dtype=self.options.dtype)(values)

    def norm(self, x: Any, name: str) -> Any:
        params, name, dtype = self.params, f"tdnn_encoder.{name}", self.options.dtype
        if params.normalization is None:
            return x
        if params.normalization == "batch_norm":
            return batch_norm.BatchNorm(
                momentum=params.bn_momentum,
                epsilon=params.bn_epsilon,
                gamma_regularizer=self.options.regularizer,
                dtype=dtype,
                name=name,
            )(x)
        # TensorFlow 1's layer_norm takes frames and channels together, its instance_norm each
        # channel by itself
        groups, epsilon = (1, 1e-12) if params.normalization == "layer_norm" else (-1, 1e-6)
        return keras.layers.GroupNormalization(groups, epsilon=epsilon, dtype=dtype, name=name)(x)

    def activation(self, x: Any, layer: ConvLayer) -> Any:
        x = keras.layers.Activation(self.params.activation_fn, dtype=self.options.dtype)(x)
        keep = (
            self.params.dropout_keep_prob
            if layer.dropout_keep_prob is None
            else layer.dropout_keep_prob
        )
        return keras.layers.Dropout(1.0 - keep, dtype=self.options.dtype)(x) if keep < 1.0 else x

    def masked(self, x: Any, lengths: Any) -> Any:
        if not self.params.use_conv_mask:
            return x
        return x * keras.ops.cast(frame_mask(lengths, x.shape[1])[:, :, None, None], x.dtype)
