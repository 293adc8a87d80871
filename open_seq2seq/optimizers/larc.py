"""Layer-wise adaptive rates: each variable's gradient is scaled by how long the variable itself is.

You et al., "Large Batch Training of Convolutional Networks", 2017 (LARS). LARC is its clipped form.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.lazy import tf


class LARC(Params):
    """The gradient g of a variable w is multiplied by larc_eta |w| / |g|, over the learning rate in
    mode 'clip'.
    """

    larc_eta: float = Field(
        gt=0, description="How long an update may be, as a share of the variable's length."
    )
    larc_mode: Literal["clip", "scale"] = Field(
        default="clip", description="'clip': LARC, which only shortens updates; 'scale': LARS."
    )
    min_update: float = Field(default=1e-7, ge=0, description="Smallest factor.")
    epsilon: float = Field(default=1e-7, gt=0, description="Added to |g|.")

    def factors(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> list[Any]:
        """Return the factor of each gradient, a scalar.

        A variable that is all zeros, as biases are at the start, keeps its gradient: it could not
        leave zero otherwise.

        Args:
            gradients: the length of each gradient.
            variables: the length of each variable.
            learning_rate: a scalar.
        """
        return [
            self._factor(*each, learning_rate) for each in zip(variables, gradients, strict=True)
        ]

    def _factor(self, length: Any, gradient_length: Any, learning_rate: Any) -> Any:
        factor = self.larc_eta * length / (gradient_length + self.epsilon)
        if self.larc_mode == "clip":
            factor = tf.minimum(tf.math.divide_no_nan(factor, learning_rate), 1.0)
        return tf.where(length > 0.0, tf.maximum(factor, self.min_update), 1.0)
