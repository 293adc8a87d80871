"""BC-ResNet: two-dimensional features, and a residual path over time that is broadcast to all
features.

Kim et al., "Broadcasted Residual Learning for Efficient Keyword Spotting", 2021.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.errors import UserError
from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs

_STAGE_WIDTHS = (1.0, 1.5, 2.0, 2.5)  # channels of each stage, in units of the scale's base
_STAGE_STRIDES = (1, 2, 2, 1)  # over features, of a stage's first block
_BASE_CHANNELS = 8


class BCResNetEncoder(Encoder):
    """BC-ResNet of a scale: 1, 1.5, 2, 3, 6 and 8 are published; the output is the mean over all
    places.

    Four stages of 2, 2, 4 and 4 blocks. A block convolves over features with SubSpectralNorm,
    averages over the features, convolves over time with a dilation of 1, 2, 4 or 8, and adds what
    comes out to every feature.
    """

    scale: float = Field(default=1.0, gt=0, description="Width, in units of 8 channels.")
    num_blocks: list[int] = Field(
        default=[2, 2, 4, 4],
        min_length=4,
        max_length=4,
        description="Blocks in each of the four stages.",
    )
    num_bands: int = Field(default=5, gt=0, description="Bands of SubSpectralNorm.")
    dropout_keep_prob: float = Field(
        default=0.9, gt=0, le=1, description="Share of channels that a block keeps."
    )
    bn_momentum: float = Field(
        default=0.9, ge=0, lt=1, description="Momentum of the moving statistics."
    )
    bn_epsilon: float = Field(default=1e-5, gt=0, description="Added to the variance.")

    def build(self, features: Any, lengths: Any, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, 32 * scale]."""
        n_features = features.shape[2]
        if n_features % (8 * self.num_bands):
            raise UserError(
                f"data_layer_params/num_audio_features: {n_features}; BCResNetEncoder halves the features three times "
                f"and divides them into {self.num_bands} bands: take a multiple of {8 * self.num_bands}"
            )
        layers = _Layers(self, options)
        base = int(_BASE_CHANNELS * self.scale)
        x = keras.layers.Reshape((*features.shape[1:], 1), dtype=options.dtype)(features)
        x = layers.relu(
            layers.norm(layers.conv(x, 2 * base, (5, 5), "head", strides=(1, 2), pad=(2, 2)))
        )
        for stage, (width, stride, n_blocks) in enumerate(
            zip(_STAGE_WIDTHS, _STAGE_STRIDES, self.num_blocks, strict=True)
        ):
            for block in range(n_blocks):
                x = layers.block(
                    x, int(width * base), stride if block == 0 else 1, 2**stage, f"{stage}_{block}"
                )
        x = layers.depthwise(x, (5, 5), "tail", pad=(2, 0))
        x = layers.relu(layers.norm(layers.conv(x, 4 * base, (1, 1), "tail_1x1")))
        return EncoderOutputs(keras.layers.GlobalAveragePooling2D(dtype=options.dtype)(x), lengths)


def _uniform_initializer(n_groups: int) -> Any:
    """Return PyTorch's initializer of convolutions, with which the recipe was found: uniform within
    1 / sqrt(fan-in).

    How long weights are decides, with BatchNorm after them, how fast they turn at a learning rate.
    Keras counts the inputs of all groups as the fan-in of a depthwise convolution.
    """
    return keras.initializers.VarianceScaling(n_groups / 3.0, "fan_in", "uniform")


class _Layers:
    """The layers of one network; kernels, strides and paddings are (time, features)."""

    def __init__(self, params: BCResNetEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options
        self._n_norms = 0

    def block(self, x: Any, channels: int, stride: int, dilation: int, name: str) -> Any:
        """One block; the first of a stage changes the width, and then the block's input is not
        added.
        """
        is_transition = x.shape[3] != channels
        shortcut = x
        if is_transition:
            x = self.relu(self.norm(self.conv(x, channels, (1, 1), f"{name}.expand")))
        # TensorFlow's depthwise convolution has no stride over one axis alone
        x = self.depthwise(x, (1, 3), f"{name}.over_features", pad=(0, 1))[:, :, ::stride]
        x = over_features = self._sub_spectral_norm(x)
        x = keras.ops.mean(x, axis=2, keepdims=True)
        x = self.norm(
            self.depthwise(x, (3, 1), f"{name}.over_time", dilation=dilation, pad=(dilation, 0))
        )
        x = keras.layers.Activation("silu", dtype=self.options.dtype)(x)
        x = self.conv(x, channels, (1, 1), f"{name}.pointwise")
        if self.params.dropout_keep_prob < 1.0:
            rate = 1.0 - self.params.dropout_keep_prob
            x = keras.layers.SpatialDropout2D(rate, dtype=self.options.dtype)(x)
        x = x + over_features
        return self.relu(x if is_transition else x + shortcut)

    def conv(
        self,
        x: Any,
        channels: int,
        kernel: tuple[int, int],
        name: str,
        strides: tuple[int, int] = (1, 1),
        pad: tuple[int, int] = (0, 0),
    ) -> Any:
        return keras.layers.Conv2D(
            channels,
            kernel,
            strides,
            use_bias=False,
            kernel_initializer=self.options.new_initializer(_uniform_initializer(1)),
            kernel_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"bc_resnet_encoder.{name}",
        )(self._padded(x, pad))

    def depthwise(
        self,
        x: Any,
        kernel: tuple[int, int],
        name: str,
        dilation: int = 1,
        pad: tuple[int, int] = (0, 0),
    ) -> Any:
        return keras.layers.DepthwiseConv2D(
            kernel,
            dilation_rate=(dilation, 1),
            use_bias=False,
            depthwise_initializer=self.options.new_initializer(_uniform_initializer(x.shape[3])),
            depthwise_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"bc_resnet_encoder.{name}.depthwise",
        )(self._padded(x, pad))

    def _padded(self, x: Any, pad: tuple[int, int]) -> Any:
        return keras.layers.ZeroPadding2D(pad, dtype=self.options.dtype)(x) if any(pad) else x

    def norm(self, x: Any) -> Any:
        return batch_norm.BatchNorm(**self._norm_options())(x)

    def _sub_spectral_norm(self, x: Any) -> Any:
        return batch_norm.SubSpectralNorm(self.params.num_bands, **self._norm_options())(x)

    def _norm_options(self) -> dict[str, Any]:
        self._n_norms += 1
        return {
            "momentum": self.params.bn_momentum,
            "epsilon": self.params.bn_epsilon,
            "gamma_regularizer": self.options.regularizer,
            "beta_regularizer": self.options.regularizer,
            "dtype": self.options.dtype,
            "name": f"bc_resnet_encoder.norm_{self._n_norms}",
        }

    def relu(self, x: Any) -> Any:
        return keras.layers.ReLU(dtype=self.options.dtype)(x)
