"""LARC and LARS: layer-wise adaptive learning rates from the norms of weights and gradients.

You et al., "Large Batch Training of Convolutional Networks", 2017 (LARS). LARC is its clipped form.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor


class LARC(Params):
    """Multiply the gradient of each variable by larc_eta * |w| / (|g| + epsilon).

    |w| and |g| are the L2 norms of the variable and its gradient. Mode 'clip' divides the factor by
    the learning rate and limits it to 1.
    """

    larc_eta: float = Field(
        gt=0, description="Trust coefficient: largest ratio of update norm to weight norm."
    )
    larc_mode: Literal["clip", "scale"] = Field(
        default="clip",
        description="'clip': LARC, only shrinks gradients; 'scale': LARS, also grows them.",
    )
    min_update: float = Field(
        default=1e-7, ge=0, description="Smallest factor by which a gradient is multiplied."
    )
    epsilon: float = Field(default=1e-7, gt=0, description="Epsilon added to the gradient norm.")

    def factors(
        self, gradient_norms: list[Tensor], weight_norms: list[Tensor], learning_rate: Tensor
    ) -> list[Tensor]:
        """Return the factor of each gradient, a scalar.

        The factor of a variable that is all zeros, as biases are at the start, is 1: it could not
        leave zero otherwise.

        Args:
            gradient_norms: L2 norm of each gradient.
            weight_norms: L2 norm of each variable.
            learning_rate: a scalar.
        """
        return [
            self._factor(weight_norm, gradient_norm, learning_rate)
            for weight_norm, gradient_norm in zip(weight_norms, gradient_norms, strict=True)
        ]

    def _factor(self, weight_norm: Tensor, gradient_norm: Tensor, learning_rate: Tensor) -> Tensor:
        factor = self.larc_eta * weight_norm / (gradient_norm + self.epsilon)
        if self.larc_mode == "clip":
            factor = tf.minimum(tf.math.divide_no_nan(factor, learning_rate), 1.0)
        return tf.where(weight_norm > 0.0, tf.maximum(factor, self.min_update), 1.0)
