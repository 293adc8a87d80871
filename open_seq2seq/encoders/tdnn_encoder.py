"""Stacks of convolutions over time: Jasper, QuartzNet and MatchboxNet.

Li et al., "Jasper: An End-to-End Convolutional Neural Acoustic Model", 2019; Majumdar and Ginsburg,
"MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture for Speech
Commands Recognition", 2020. QuartzNet and MatchboxNet have ``separable`` layers.

A block repeats convolution, normalization, activation and dropout. In a residual block the input
passes a 1x1 convolution and a normalization of its own and is added before the last activation.
Tensors are [batch, frames, 1, channels] and kernels [k, 1], because TensorFlow's two-dimensional
convolutions are faster than its one-dimensional ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Encoder, LayerOptions, Params
from open_seq2seq.layers import batch_norm, convolutions, time_conv
from open_seq2seq.layers.masks import frame_mask
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs, Tensor


class ConvLayer(Params):
    """One entry of ``convnet_layers``: a block of ``repeat`` equal convolutions."""

    type: Literal["conv1d", "conv2d"] = Field(
        default="conv1d", description="Kind of layer; both kinds are a convolution over time."
    )
    repeat: int = Field(default=1, gt=0, description="Number of convolutions in the block.")
    kernel_size: int | list[int] = Field(
        description="Kernel size of the convolutions in frames: k, [k] or [k, 1]."
    )
    stride: int | list[int] = Field(
        default=1, description="Stride of the convolutions in frames: k, [k] or [k, 1]."
    )
    dilation: int | list[int] = Field(
        default=1, description="Dilation of the convolutions in frames: k, [k] or [k, 1]."
    )
    num_channels: int = Field(gt=0, description="Number of output channels of the block.")
    padding: Literal["SAME", "VALID"] = Field(
        default="SAME", description="Padding of the convolutions, as in TensorFlow."
    )
    separable: bool = Field(
        default=False,
        description="Whether convolutions are depthwise separable: depthwise over time, then 1x1.",
    )
    dropout_keep_prob: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="1 − dropout rate of the block; by default the encoder's dropout_keep_prob.",
    )
    residual: bool = Field(
        default=False,
        description="Whether the block's input is added before the block's last activation.",
    )
    residual_dense: bool = Field(
        default=False,
        description="Whether a residual block also adds the inputs of all earlier residual blocks.",
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
        stride, dilation = self.frames("stride"), self.frames("dilation")
        if self.residual and (stride > 1 or self.padding == "VALID"):
            raise ValueError(
                f"a residual block cannot change the number of frames, got stride {stride} and "
                f"padding {self.padding!r}; use stride 1 and padding 'SAME'"
            )
        if self.residual_dense and not self.residual:
            raise ValueError("residual_dense works only in a residual block; set 'residual': True")
        if stride > 1 and dilation > 1:
            raise ValueError(
                f"stride {stride} and dilation {dilation} cannot both be above 1; set one to 1"
            )
        return self

    def frames(self, name: str) -> int:
        """Return ``kernel_size``, ``stride`` or ``dilation`` as a number of frames."""
        value = getattr(self, name)
        return value[0] if isinstance(value, list) else value

    def length_after(self, length: Any) -> Any:
        """Return how many of ``length`` frames one convolution leaves; an int or a tensor."""
        stride = self.frames("stride")
        if self.padding == "SAME":
            return (length + stride - 1) // stride
        span = (self.frames("kernel_size") - 1) * self.frames("dilation") + 1
        return (length - span) // stride + 1


class TDNNEncoder(Encoder):
    """Time-delay neural network; the output is [batch, frames, channels]."""

    convnet_layers: list[ConvLayer] = Field(
        min_length=1, description="Blocks of convolutions, from input to output."
    )
    activation_fn: str | Callable = Field(
        default="relu", description="Activation function, or its name in keras.activations."
    )
    dropout_keep_prob: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="1 − dropout rate of the blocks that set no dropout_keep_prob.",
    )
    normalization: Literal["batch_norm", "layer_norm", "instance_norm"] | None = Field(
        default="batch_norm", description="Normalization after each convolution; None: none."
    )
    bn_momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Momentum of the moving mean and variance in batch normalization; in step n at "
        "most (1 + n) / (10 + n), unless load_model gave them.",
    )
    bn_epsilon: float = Field(
        default=1e-3, gt=0, description="Epsilon added to the variance in batch normalization."
    )
    use_conv_mask: bool = Field(
        default=False,
        description="Whether frames after a clip's end are set to zero before each convolution.",
    )
    data_format: Literal["channels_last"] = Field(
        default="channels_last", description="Layout of the convolutions' inputs."
    )

    def build(self, features: Tensor, lengths: Tensor, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, frames after all strides, channels]."""
        layers = _Layers(self, options)
        n_frames, n_features = features.shape[1:]
        x = keras.layers.Reshape((n_frames, 1, n_features), dtype=options.dtype)(features)
        block_inputs: list[Tensor] = []
        for block, layer in enumerate(self.convnet_layers, start=1):
            if layer.residual:
                block_inputs.append(layers.masked(x, lengths))
            for repeat in range(1, layer.repeat + 1):
                name = f"conv{block}{repeat}"
                x = layers.norm(layers.conv(x, lengths, layer, name), f"{name}.bn")
                lengths = layer.length_after(lengths)
                if layer.residual and repeat == layer.repeat:
                    x = layers.add([x, *layers.residuals(block_inputs, layer, name)])
                x = layers.activation(x, layer)
        return EncoderOutputs(
            keras.layers.Reshape((x.shape[1], x.shape[3]), dtype=options.dtype)(x), lengths
        )


class _Layers:
    """The layers of one network, with OpenSeq2Seq's names: conv11, conv11.bn, conv23.res ..."""

    def __init__(self, params: TDNNEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options

    def conv(self, x: Tensor, lengths: Tensor, layer: ConvLayer, name: str) -> Tensor:
        x = self.masked(x, lengths)
        kernel = (layer.frames("kernel_size"), 1)
        how = {
            # on both axes, though the second has length 1: without oneDNN, TensorFlow's depthwise
            # kernel needs equal strides
            "strides": (layer.frames("stride"), layer.frames("stride")),
            "dilation_rate": (layer.frames("dilation"), 1),
            "padding": layer.padding.lower(),
        }
        if not layer.separable:
            return self._conv(x, layer.num_channels, kernel, name, **how)
        x = self.masked(self._depthwise(x, kernel, name, **how), layer.length_after(lengths))
        return self._conv(x, layer.num_channels, (1, 1), name)

    def _conv(
        self, x: Tensor, channels: int, kernel: tuple[int, int], name: str, **how: Any
    ) -> Tensor:
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

    def _depthwise(self, x: Tensor, kernel: tuple[int, int], name: str, **how: Any) -> Tensor:
        return convolutions.DepthwiseConv(
            kernel,
            use_bias=False,
            depthwise_initializer=self.options.new_initializer("glorot_uniform"),
            depthwise_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"tdnn_encoder.{name}.depthwise",
            **how,
        )(x)

    def residuals(self, block_inputs: list[Tensor], layer: ConvLayer, name: str) -> list[Tensor]:
        """Return what a residual block adds to its output.

        Args:
            block_inputs: the inputs of the residual blocks so far, this one's last.
            layer: the block; it adds its own input, or with ``residual_dense`` all of them.
            name: name of the block's last convolution.
        """
        if not layer.residual_dense:
            return [self._projected(block_inputs[-1], layer.num_channels, name, "")]
        return [
            self._projected(x, layer.num_channels, name, f"_{i}")
            for i, x in enumerate(block_inputs)
        ]

    def _projected(self, x: Tensor, channels: int, name: str, ending: str) -> Tensor:
        x = self._conv(x, channels, (1, 1), f"{name}.res{ending}")
        return self.norm(x, f"{name}.res_bn{ending}")

    def add(self, values: list[Tensor]) -> Tensor:
        return keras.layers.Add(dtype=self.options.dtype)(values)

    def norm(self, x: Tensor, name: str) -> Tensor:
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
        # as in TensorFlow 1: layer_norm averages over frames and channels, instance_norm over
        # frames alone
        if params.normalization == "layer_norm":
            n_groups, epsilon = 1, 1e-12
        else:
            n_groups, epsilon = -1, 1e-6
        return keras.layers.GroupNormalization(n_groups, epsilon=epsilon, dtype=dtype, name=name)(x)

    def activation(self, x: Tensor, layer: ConvLayer) -> Tensor:
        """Add the activation and, where the block has it, dropout."""
        x = keras.layers.Activation(self.params.activation_fn, dtype=self.options.dtype)(x)
        keep_prob = layer.dropout_keep_prob
        if keep_prob is None:
            keep_prob = self.params.dropout_keep_prob
        if keep_prob == 1.0:
            return x
        return keras.layers.Dropout(1.0 - keep_prob, dtype=self.options.dtype)(x)

    def masked(self, x: Tensor, lengths: Tensor) -> Tensor:
        if not self.params.use_conv_mask:
            return x
        return x * keras.ops.cast(frame_mask(lengths, x.shape[1])[:, :, None, None], x.dtype)
