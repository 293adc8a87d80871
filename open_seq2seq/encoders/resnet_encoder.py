"""ResNet: residual networks of two-dimensional convolutions over the log-mel image.

He et al., "Deep Residual Learning for Image Recognition", 2015 (version 1) and "Identity Mappings
in Deep Residual Networks", 2016 (version 2, pre-activation).

Details follow OpenSeq2Seq, so weights trained there produce the same logits here. Strided
convolutions pad (k - 1) // 2 before and the rest after, whatever the input size. The max pool pads
SAME. The stride of a bottleneck is on its 3x3 convolution.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.layers import batch_norm, convolutions
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs, Tensor

_BLOCK_SIZES = {
    18: [2, 2, 2, 2],
    34: [3, 4, 6, 3],
    50: [3, 4, 6, 3],
    101: [3, 4, 23, 3],
    152: [3, 8, 36, 3],
    200: [3, 24, 36, 3],
}
_FIRST_BOTTLENECK_SIZE = 50
_BOTTLENECK_EXPANSION = 4  # output channels of a bottleneck, as a multiple of its inner channels


class ResNetEncoder(Encoder):
    """ResNet-18 to ResNet-200, version 1 or 2; the output is the mean over time and features."""

    resnet_size: Literal[18, 34, 50, 101, 152, 200] = Field(
        description="Depth of the network; sets the defaults of block_sizes and bottleneck."
    )
    version: Literal[1, 2] = Field(
        default=2,
        description="ResNet version; 1: activation after each convolution, 2: before it.",
    )
    bottleneck: bool | None = Field(
        default=None,
        description="Whether blocks are bottlenecks (1x1, 3x3, 1x1); by default from size 50 on.",
    )
    num_filters: int = Field(
        default=64,
        gt=0,
        description="Channels of the first convolution and group; each later group doubles them.",
    )
    kernel_size: int = Field(default=7, gt=0, description="Kernel size of the first convolution.")
    conv_stride: int = Field(default=2, gt=0, description="Stride of the first convolution.")
    first_pool_size: int = Field(
        default=3, ge=0, description="Size of the max pool after the first convolution; 0: no pool."
    )
    first_pool_stride: int = Field(
        default=2, gt=0, description="Stride of the max pool after the first convolution."
    )
    block_sizes: list[int] | None = Field(
        default=None, description="Number of blocks in each group; by default set by resnet_size."
    )
    block_strides: list[int] = Field(
        default=[1, 2, 2, 2], description="Stride of the first block of each group."
    )
    final_size: int | None = Field(
        default=None, gt=0, description="Expected width of the encoder's output; only checked."
    )
    bn_momentum: float = Field(
        default=0.997,
        ge=0,
        lt=1,
        description="Momentum of the moving mean and variance in batch normalization; in step n at "
        "most (1 + n) / (10 + n), unless load_model gave them.",
    )
    bn_epsilon: float = Field(
        default=1e-5, gt=0, description="Epsilon added to the variance in batch normalization."
    )
    regularize_bn: bool = Field(
        default=True,
        description="Whether gamma and beta of batch normalization are regularized too.",
    )
    data_format: Literal["channels_last"] = Field(
        default="channels_last", description="Layout of the convolutions' inputs."
    )

    @model_validator(mode="after")
    def _check_groups(self) -> ResNetEncoder:
        n_groups, n_strides = len(self.groups), len(self.block_strides)
        if n_groups != n_strides:
            raise ValueError(
                f"block_sizes has {n_groups} groups and block_strides {n_strides}; "
                "give both the same number of entries"
            )
        if self.final_size not in (None, self.output_size):
            raise ValueError(
                f"final_size {self.final_size} is not the width of the encoder's output; "
                f"set it to {self.output_size}, or leave it out"
            )
        return self

    @property
    def groups(self) -> list[int]:
        """Number of blocks in each group."""
        return self.block_sizes or _BLOCK_SIZES[self.resnet_size]

    @property
    def has_bottlenecks(self) -> bool:
        if self.bottleneck is None:
            return self.resnet_size >= _FIRST_BOTTLENECK_SIZE
        return self.bottleneck

    @property
    def output_size(self) -> int:
        """Width of the hidden vector."""
        width = self.num_filters * 2 ** (len(self.groups) - 1)
        return width * _BOTTLENECK_EXPANSION if self.has_bottlenecks else width

    def build(self, features: Tensor, lengths: Tensor, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, output_size].

        The lengths have no effect: padding frames are convolved and averaged too.
        """
        layers = _Layers(self, options)
        x = keras.layers.Reshape((*features.shape[1:], 1), dtype=options.dtype)(features)
        x = layers.conv(x, self.num_filters, self.kernel_size, self.conv_stride)
        if self.version == 1:
            x = layers.norm_relu(x)
        if self.first_pool_size:
            x = keras.layers.MaxPooling2D(
                self.first_pool_size, self.first_pool_stride, padding="same", dtype=options.dtype
            )(x)
        for group, (n_blocks, stride) in enumerate(
            zip(self.groups, self.block_strides, strict=True)
        ):
            filters = self.num_filters * 2**group
            for block in range(n_blocks):
                is_first = block == 0
                x = self._block(layers, x, filters, stride if is_first else 1, is_first)
        if self.version == 2:
            x = layers.norm_relu(x)
        return EncoderOutputs(keras.layers.GlobalAveragePooling2D(dtype=options.dtype)(x), lengths)

    def _block(
        self, layers: _Layers, x: Tensor, filters: int, stride: int, is_first: bool
    ) -> Tensor:
        """Add one residual block; the first of each group projects its shortcut."""
        pre_activation = self.version == 2
        # (channels, kernel, stride) of each convolution on the main path
        if self.has_bottlenecks:
            n_outputs = _BOTTLENECK_EXPANSION * filters
            path = [(filters, 1, 1), (filters, 3, stride), (n_outputs, 1, 1)]
        else:
            n_outputs = filters
            path = [(filters, 3, stride), (filters, 3, 1)]
        shortcut = x
        if pre_activation:
            x = layers.norm_relu(x)
        if is_first:
            shortcut = layers.conv(x, n_outputs, 1, stride)
            if not pre_activation:
                shortcut = layers.norm(shortcut)
        for i, (channels, kernel, conv_stride) in enumerate(path):
            x = layers.conv(x, channels, kernel, conv_stride)
            is_last = i == len(path) - 1
            if not is_last:
                x = layers.norm_relu(x)
            elif not pre_activation:
                x = layers.norm(x)
        x = keras.layers.Add(dtype=layers.options.dtype)([x, shortcut])
        if not pre_activation:
            x = layers.relu(x)
        return x


class _Layers:
    """The layers of one network, numbered in order of creation: conv2d, conv2d_1 ...

    TensorFlow 1 named them so; OpenSeq2Seq's checkpoints have these names.
    """

    def __init__(self, params: ResNetEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options
        self._n_made: dict[str, int] = {}

    def conv(self, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor:
        padding = "same"
        if stride > 1:
            padding = "valid"
            before = (kernel - 1) // 2
            pad = (before, kernel - 1 - before)
            if kernel > 1:
                x = keras.layers.ZeroPadding2D((pad, pad), dtype=self.options.dtype)(x)
        return convolutions.Conv(
            filters,
            kernel,
            stride,
            padding=padding,
            use_bias=False,
            kernel_initializer=self.options.new_initializer("variance_scaling"),
            kernel_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=self._name("conv2d"),
        )(x)

    def norm(self, x: Tensor) -> Tensor:
        regularizer = self.options.regularizer if self.params.regularize_bn else None
        return batch_norm.BatchNorm(
            momentum=self.params.bn_momentum,
            epsilon=self.params.bn_epsilon,
            gamma_regularizer=regularizer,
            beta_regularizer=regularizer,
            dtype=self.options.dtype,
            name=self._name("batch_normalization"),
        )(x)

    def relu(self, x: Tensor) -> Tensor:
        return keras.layers.ReLU(dtype=self.options.dtype)(x)

    def norm_relu(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(x))

    def _name(self, kind: str) -> str:
        number = self._n_made.get(kind, 0)
        self._n_made[kind] = number + 1
        if number == 0:
            return f"resnet_encoder.{kind}"
        return f"resnet_encoder.{kind}_{number}"
