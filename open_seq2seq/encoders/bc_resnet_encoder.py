"""BC-ResNet: residual blocks that convolve over time and broadcast the result over the features.

Kim et al., "Broadcasted Residual Learning for Efficient Keyword Spotting", 2021.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.errors import UserError
from open_seq2seq.layers import batch_norm, convolutions, dropout
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs, Tensor

_STAGE_WIDTHS = (1.0, 1.5, 2.0, 2.5)  # channels of each stage, as multiples of the base width
HALVES_FEATURES = (
    False,
    True,
    True,
    False,
)  # whether the first block of a stage halves the features
_BASE_CHANNELS = 8


class BCResNetEncoder(Encoder):
    """BC-ResNet; the paper publishes scales 1, 1.5, 2, 3, 6 and 8.

    Four stages of 2, 2, 4 and 4 blocks. A block convolves over the features, applies
    SubSpectralNorm and averages over the features. It then convolves over time, with a dilation of
    1, 2, 4 or 8 by stage, and adds the result to every feature. The output is the mean over time
    and features.
    """

    scale: float = Field(
        default=1.0,
        gt=0,
        description="Width multiplier: the stages have 8, 12, 16 and 20 channels times scale.",
    )
    num_blocks: list[int] = Field(
        default=[2, 2, 4, 4],
        min_length=4,
        max_length=4,
        description="Number of residual blocks in each of the four stages.",
    )
    num_bands: int = Field(
        default=5,
        gt=0,
        description="Number of frequency bands that SubSpectralNorm normalizes separately.",
    )
    dropout_keep_prob: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="1 − dropout rate of each block; dropout takes whole channels.",
    )
    bn_momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Momentum of the moving mean and variance in batch normalization; in step n at "
        "most (1 + n) / (10 + n), unless load_model gave them.",
    )
    bn_epsilon: float = Field(
        default=1e-5, gt=0, description="Epsilon added to the variance in batch normalization."
    )

    def build(self, features: Tensor, lengths: Tensor, options: LayerOptions) -> EncoderOutputs:
        """Map [batch, frames, features] to [batch, 32 * scale].

        Raises:
            UserError: the features cannot be halved three times and divided into the bands.
        """
        n_features = features.shape[2]
        if n_features % (8 * self.num_bands):
            raise UserError(
                f"data_layer_params/num_audio_features: {n_features}; BCResNetEncoder halves the "
                f"features three times and divides them into {self.num_bands} bands; "
                f"use a multiple of {8 * self.num_bands}"
            )
        layers = _Layers(self, options)
        base = int(_BASE_CHANNELS * self.scale)
        x = keras.layers.Reshape((*features.shape[1:], 1), dtype=options.dtype)(features)
        # "same" would pad one feature before and two after
        x = keras.layers.ZeroPadding2D(2, dtype=options.dtype)(x)
        x = layers.conv(x, 2 * base, (5, 5), "head", strides=(1, 2))
        x = layers.relu(layers.norm(x))
        for stage, (width, halves, n_blocks) in enumerate(
            zip(_STAGE_WIDTHS, HALVES_FEATURES, self.num_blocks, strict=True)
        ):
            for block in range(n_blocks):
                is_halved = halves and block == 0
                x = layers.block(x, int(width * base), is_halved, 2**stage, f"{stage}_{block}")
        x = layers.depthwise(x, (5, 5), "tail", make=convolutions.DepthwiseTailConv)
        x = layers.relu(layers.norm(layers.conv(x, 4 * base, (1, 1), "tail_1x1")))
        return EncoderOutputs(keras.layers.GlobalAveragePooling2D(dtype=options.dtype)(x), lengths)


def _uniform_initializer(n_groups: int) -> Any:
    """Return PyTorch's default initializer of convolutions: uniform within 1 / sqrt(fan-in).

    The paper's training settings were found with it. Batch normalization follows each convolution,
    so the norm of the weights decides how fast a learning rate changes their direction.
    For a depthwise convolution, Keras counts the inputs of all ``n_groups`` groups as the fan-in.
    """
    return keras.initializers.VarianceScaling(n_groups / 3.0, "fan_in", "uniform")


class _Layers:
    """The layers of one network; kernels and strides are (time, features)."""

    def __init__(self, params: BCResNetEncoder, options: LayerOptions) -> None:
        self.params = params
        self.options = options
        self._n_norms = 0

    def block(self, x: Tensor, channels: int, is_halved: bool, dilation: int, name: str) -> Tensor:
        """Add one block.

        The first block of a stage changes the width, so it has no identity shortcut.
        """
        is_transition = x.shape[3] != channels
        shortcut = x
        if is_transition:
            x = self.relu(self.norm(self.conv(x, channels, (1, 1), f"{name}.expand")))
        x = self.depthwise(x, (1, 3), f"{name}.over_features")
        if is_halved:
            x = convolutions.every_other_feature(x)
        x = over_features = self._sub_spectral_norm(x)
        x = keras.ops.mean(x, axis=2, keepdims=True)  # [batch, frames, 1, channels]
        x = self.depthwise(x, (3, 1), f"{name}.over_time", dilation=dilation)
        x = self.norm(x)
        x = keras.layers.Activation("silu", dtype=self.options.dtype)(x)
        x = self.conv(x, channels, (1, 1), f"{name}.pointwise")
        if self.params.dropout_keep_prob < 1.0:
            rate = 1.0 - self.params.dropout_keep_prob
            x = dropout.ChannelDropout(rate, dtype=self.options.dtype)(x)
        x = x + over_features  # broadcast to [batch, frames, features, channels]
        if not is_transition:
            x = x + shortcut
        return self.relu(x)

    def conv(
        self,
        x: Tensor,
        channels: int,
        kernel: tuple[int, int],
        name: str,
        strides: tuple[int, int] = (1, 1),
    ) -> Tensor:
        return convolutions.Conv(
            channels,
            kernel,
            strides,
            use_bias=False,
            kernel_initializer=self.options.new_initializer(_uniform_initializer(1)),
            kernel_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"bc_resnet_encoder.{name}",
        )(x)

    def depthwise(
        self,
        x: Tensor,
        kernel: tuple[int, int],
        name: str,
        dilation: int = 1,
        make: Any = None,
    ) -> Tensor:
        return (make or convolutions.DepthwiseConv)(
            kernel,
            padding="same",
            dilation_rate=(dilation, 1),
            use_bias=False,
            depthwise_initializer=self.options.new_initializer(_uniform_initializer(x.shape[3])),
            depthwise_regularizer=self.options.regularizer,
            dtype=self.options.dtype,
            name=f"bc_resnet_encoder.{name}.depthwise",
        )(x)

    def norm(self, x: Tensor) -> Tensor:
        return batch_norm.BatchNorm(**self._norm_options())(x)

    def _sub_spectral_norm(self, x: Tensor) -> Tensor:
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

    def relu(self, x: Tensor) -> Tensor:
        return keras.layers.ReLU(dtype=self.options.dtype)(x)
