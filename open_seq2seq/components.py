"""What a config can name: frozen, typed, self-describing classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import pydantic

from open_seq2seq.structs import Batch, EncoderOutputs, Tensor


class Params(pydantic.BaseModel):
    """A frozen class of parameters.

    Unknown keys are mistakes. An int is accepted for a float; nothing else is converted.
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class LayerOptions(NamedTuple):
    """What the run says about every layer.

    ``dtype`` is a Keras dtype policy and ``regularizer`` what Keras layers accept. ``initializer``
    makes a new
    initializer at each call: Keras gives the same numbers whenever one object is asked twice for
    the same shape, so layers that shared one would start with equal weights.
    """

    dtype: str = "float32"
    initializer: Callable[[], Any] | None = None
    regularizer: Any = None

    def new_initializer(self, default: str) -> Any:
        """Return an initializer for one layer: the run's, or else ``default`` by its Keras name."""
        return self.initializer() if self.initializer else default


class Encoder(Params):
    """Features to a hidden representation; see CONTRIBUTING.md for how to add one."""

    def build(self, features: Tensor, lengths: Tensor, options: LayerOptions) -> EncoderOutputs:
        """Map symbolic features [batch, frames, features] and lengths [batch] to hidden ones."""
        raise NotImplementedError(f"{type(self).__name__}.build")


class Decoder(Params):
    """A hidden representation to logits.

    Attributes:
        output_layer: name of the layer whose outputs are the labels. Weights of another run fit it
            only where the labels are the same. None: the last layer that has weights.
    """

    output_layer: ClassVar[str | None] = None
    output_dim: int | None = pydantic.Field(
        default=None,
        gt=0,
        description="Number of labels; by default as many as the labels file has.",
    )

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Tensor:
        """Map an encoder's symbolic outputs to float32 logits [batch, n_labels]."""
        raise NotImplementedError(f"{type(self).__name__}.build")


class Loss(Params):
    """Logits and labels to a loss per clip."""

    def __call__(self, logits: Tensor, batch: Batch, *, training: bool = False) -> Tensor:
        """Return the loss of each clip, float32 [batch], not yet weighted."""
        raise NotImplementedError(f"{type(self).__name__}.__call__")
