"""Base classes of what a config names: frozen, typed, self-describing parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple, TypeGuard, TypeVar

import pydantic
from pydantic_core import PydanticCustomError

from open_seq2seq.errors import UserError
from open_seq2seq.structs import Batch, EncoderOutputs, OutputKind, Tensor
from open_seq2seq.system.paths import expand_home


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return value


# pydantic's own str refuses the names of files that are not UTF-8
Text = Annotated[str, pydantic.PlainValidator(_check_text)]
# any parameter that is a path
PathText = Annotated[str, pydantic.PlainValidator(lambda value: expand_home(_check_text(value)))]


class Params(pydantic.BaseModel):
    """Frozen, typed parameters.

    Unknown keys are mistakes. An int is accepted for a float, and nothing else is converted.
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


def is_params(value: Any) -> TypeGuard[type[Params]]:
    """Tell whether a value is a class of parameters."""
    return isinstance(value, type) and issubclass(value, Params)


def types_of(params: type[Params]) -> dict[str, Any]:
    """Return the type of each parameter of a class."""
    return {name: field.annotation for name, field in params.model_fields.items()}


class Group(Params):
    """Some parameters of a class that has many, beside the code that uses them.

    Groups are bases of that class, so a config names all its keys at one level. Code that needs a
    few of them takes the group for its argument, and the reference has a table for each group.
    """


GroupT = TypeVar("GroupT", bound=Group)


def part_of(params: Params, group: type[GroupT]) -> GroupT:
    """Return a group's parameters by themselves; unlike a whole data layer they can be a key."""
    return group(**{name: getattr(params, name) for name in group.model_fields})


class LayerOptions(NamedTuple):
    """What the run says about every layer.

    ``dtype`` is a Keras dtype policy and ``regularizer`` what Keras layers accept. ``initializer``
    makes a new initializer at each call: Keras gives the same numbers whenever one object is asked
    twice for the same shape, so layers that shared one would start with equal weights.
    """

    dtype: str = "float32"
    initializer: Callable[[], Any] | None = None
    regularizer: Any = None

    def new_initializer(self, default: str) -> Any:
        """Return an initializer for one layer: the run's, or else ``default`` by its Keras name."""
        if self.initializer is None:
            return default
        return self.initializer()


class Encoder(Params):
    """Features to a hidden representation; see CONTRIBUTING.md for how to add one."""

    def build(self, features: Tensor, lengths: Tensor, options: LayerOptions) -> EncoderOutputs:
        """Map symbolic features [batch, frames, features] and lengths [batch] to a decoder's input.

        Args:
            features: of the images.
            lengths: frames of each image that count.
            options: what the run says about every layer.
        """
        raise NotImplementedError(f"{type(self).__name__}.build")


class Decoder(Params):
    """An encoder's outputs to logits.

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
    outputs: OutputKind = pydantic.Field(
        default="softmax",
        description="Probabilities of the labels: softmax, of which the sum is 1, or sigmoid, each "
        "of one label against all others, as detectors of single keywords need it.",
    )

    def build(self, encoded: EncoderOutputs, n_labels: int, options: LayerOptions) -> Tensor:
        """Map an encoder's symbolic outputs to float32 logits [batch, n_labels]."""
        raise NotImplementedError(f"{type(self).__name__}.build")


class Loss(Params):
    """Logits and labels to a loss per clip."""

    label_weights: dict[Text, float] = pydantic.Field(
        default={},
        description="Weights of single labels in training, such as {'unknown': 2.0}; of the others "
        "1. They are not normalized: a weight of 2 counts a clip twice.",
    )

    @pydantic.field_validator("label_weights")
    @classmethod
    def _are_positive(cls, weights: dict[str, float]) -> dict[str, float]:
        for label, weight in weights.items():
            if weight <= 0:
                raise ValueError(f"expected a weight above 0 for {label!r}, got {weight}")
        return weights

    def for_outputs(self, kind: OutputKind) -> Loss:
        """Return the loss for a decoder of such outputs.

        Raises:
            UserError: it has none; by default it is for a softmax.
        """
        if kind != "softmax":
            raise UserError(
                f"decoder_params/outputs: {kind!r}, but the loss {type(self).__name__} trains "
                "'softmax'; take CrossEntropyLoss, or leave outputs out"
            )
        return self

    def __call__(self, logits: Tensor, batch: Batch, *, training: bool = False) -> Tensor:
        """Return the loss of each clip, float32 [batch], not yet weighted."""
        raise NotImplementedError(f"{type(self).__name__}.__call__")
