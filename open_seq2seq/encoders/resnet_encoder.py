"""Residual networks over the log-mel image.

He et al., "Deep Residual Learning for Image Recognition", 2015 (version 1) and "Identity Mappings
in Deep Residual Networks", 2016 (version 2, pre-activation), laid out as OpenSeq2Seq does: strided
convolutions pad (k - 1) // 2 before and the rest after whatever the input size, the max pool pads
SAME, and version 1 has the stride on the 3x3 convolution of a bottleneck. With that, weights
trained there give the same logits here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs

_BLOCK_SIZES = {
    18: [2, 2, 2, 2],
    34: [3, 4, 6, 3],
    50: [3, 4, 6, 3],
    101: [3, 4, 23, 3],
    152: [3, 8, 36, 3],
    200: [3, 24, 36, 3],
}
_FIRST_BOTTLENECK_SIZE = 50


class ResNetEncoder(Encoder):
    """ResNet-18 to ResNet-200, version 1 or 2; the output is the global average pool."""

    resnet_size: Literal[18, 34, 50, 101, 152, 200] = Field(
        description="Depth; gives block_sizes and bottleneck."
    )
    version: Literal[1, 2] = Field(
        default=2, description="1: activation after, 2: before each convolution."
    )
    bottleneck: bool | None = Field(
        default=None, description="1x1-3x3-1x1 blocks; by default from resnet_size 50 on."
    )
    num_filters: int = Field(
        default=64, gt=0, description="Channels of the first convolution; doubled by each group."
    )
    kernel_size: int = Field(default=7, gt=0, description="Kernel of the first convolution.")
    conv_stride: int = Field(default=2, gt=0, description="Stride of the first convolution.")
    first_pool_size: int = Field(
        default=3, ge=0, description="Max pool after the first convolution; 0: none."
    )
    first_pool_stride: int = Field(default=2, gt=0, description="Stride of that pool.")
    block_sizes: list[int] | None = Field(
        default=None, description="Blocks in each group; by default by resnet_size."
    )
    block_strides: list[int] = Field(
        default=[1, 2, 2, 2], description="Stride of the first block of each group."
    )
    final_size: int | None = Field(
        default=None, gt=0, description="Width of the output, as a check on the layout."
    )
    bn_momentum: float = Field(
        default=0.997, ge=0, lt=1, description="Momentum of the moving statistics."
    )
    bn_epsilon: float = Field(default=1e-5, gt=0, description="Added to the variance.")
    regularize_bn: bool = Field(
        default=True, description="Whether BatchNorm's gamma and beta are regularized too."
    )
    data_format: Literal["channels_last"] = Field(
        default="channels_last", description="Layout of the images."
    )

    @model_validator(mode="after")
    def _check_groups(self) -> ResNetEncoder:
        if len(self.groups) != len(self.block_strides):
            raise ValueError(
                f"block_sizes has {len(self.groups)} groups, block_strides {len(self.block_strides)}"
            )
        if self.final_size not in (None, self.output_size):
            raise ValueError(
                f"final_size {self.final_size} contradicts the layers, which give {self.output_size}"
            )
        return self

    @property
    def groups(self) -> list[int]:
        """Number of blocks in each group."""
        return self.block_sizes or _BLOCK_SIZES[self.resnet_size]

    @property
    def has_bottlenecks(self) -> bool:
        return (
            self.resnet_size >= _FIRST_BOTTLENECK_SIZE
            if self.bottleneck is None
            else self.bottleneck
        )

    @property
    def output_size(self) -> int:
        """Width of the hidden vector."""
        return self.num_filters * 2 ** (len(self.groups) - 1) * (4 if self.has_bottlenecks else 1)

    def build(self, features: Any, lengths: Any, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, output_size]; the whole image counts, whatever
        the lengths.
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
            for block in range(n_blocks):
                x = self._block(
                    layers, x, self.num_filters * 2**group, stride if block == 0 else 1, block == 0
                )
        if self.version == 2:
            x = layers.norm_relu(x)
        return EncoderOutputs(keras.layers.GlobalAveragePooling2D(dtype=options.dtype)(x), lengths)

    def _block(self, layers: _Layers, x: Any, filters: int, stride: int, is_first: bool) -> Any:
        """One residual block; the first of each group projects its shortcut."""
        pre_activation = self.version == 2
        shortcut = x
        if pre_activation:
            x = layers.norm_relu(x)
        if is_first:
            shortcut = layers.conv(x, filters * (4 if self.has_bottlenecks else 1), 1, stride)
            if not pre_activation:
                shortcut = layers.norm(shortcut)
        # (channels, kernel, stride) of the convolutions on the main path
        if self.has_bottlenecks:
            path = [(filters, 1, 1), (filters, 3, stride), (4 * filters, 1, 1)]
        else:
            path = [(filters, 3, stride), (filters, 3, 1)]
        for i, (channels, kernel, conv_stride) in enumerate(path):
            x = layers.conv(x, channels, kernel, conv_stride)
            is_last = i == len(path) - 1
            if not is_last:
                x = layers.norm_relu(x)
            elif not pre_activation:
                x = layers.norm(x)
        x = keras.layers.Add(dtype=layers.options.dtype)([x, shortcut])
        return x if pre_activation else layers.relu(x)


class _Layers:
    """The layers of one network, named in the order of creation as TensorFlow 1 named them: conv2d,
    conv2d_1 ...
    """

    def __init__(self, params: ResNetEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options
        self._n_made: dict[str, int] = {}

    def conv(self, x: Any, filters: int, kernel: int, stride: int) -> Any:
        if stride > 1 and kernel > 1:
            before = (kernel - 1) // 2
            pad = (before, kernel - 1 - before)
            x = keras.layers.ZeroPadding2D((pad, pad), dtype=self.options.dtype)(x)
        return keras.layers.Conv2D(
            filters,
            kernel,
            stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            kernel_initializer=self.options.new_initializer("variance_scaling"),
            kernel_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=self._name("conv2d"),
        )(x)

    def norm(self, x: Any) -> Any:
        regularizer = self.options.regularizer if self.params.regularize_bn else None
        return batch_norm.BatchNorm(
            momentum=self.params.bn_momentum,
            epsilon=self.params.bn_epsilon,
            gamma_regularizer=regularizer,
            beta_regularizer=regularizer,
            dtype=self.options.dtype,
            name=self._name("batch_normalization"),
        )(x)

    def relu(self, x: Any) -> Any:
        return keras.layers.ReLU(dtype=self.options.dtype)(x)

    def norm_relu(self, x: Any) -> Any:
        return self.relu(self.norm(x))

    def _name(self, kind: str) -> str:
        number = self._n_made.get(kind, 0)
        self._n_made[kind] = number + 1
        return f"resnet_encoder.{kind}_{number}" if number else f"resnet_encoder.{kind}"
