"""The parts of a run that a config names, one row each.

A slot is a key of ``base_params`` with the parameters of what it names beside it: ``optimizer`` and
``optimizer_params``. Its row drives the check of these parameters, the building of the part, and
its section of the reference.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from open_seq2seq import data, decoders, encoders, losses
from open_seq2seq.components import Params, is_params, types_of
from open_seq2seq.config.problems import find_call_problems, find_problems, type_hints
from open_seq2seq.errors import shown
from open_seq2seq.layers.initializers import INITIALIZERS
from open_seq2seq.layers.regularizers import REGULARIZERS
from open_seq2seq.optimizers import lr_policies
from open_seq2seq.optimizers.loss_scaling import LOSS_SCALINGS, ConstantScale
from open_seq2seq.optimizers.optimizers import OPTIMIZERS


@dataclasses.dataclass(frozen=True)
class Slot:
    """A key that names a part, and what it can name.

    Attributes:
        key: in ``base_params``; the parameters of the part are in ``<key>_params``.
        options: what there is to name, by name.
        note: what the reference says about all of them.
        retired: parameters of OpenSeq2Seq's that are refused, and what to do instead.
        per_section: whether train, eval, test and infer each have a part of their own.
    """

    key: str
    options: Mapping[str, Any]
    note: str = ""
    retired: Mapping[str, str] = dataclasses.field(default_factory=dict)
    per_section: bool = False

    @property
    def params_key(self) -> str:
        return f"{self.key}_params"

    def check_name(self, value: Any) -> None:
        """Refuse a name that is none of the options.

        Raises:
            ValueError: with what was expected.
        """
        if isinstance(value, str) and value not in self.options:
            expected = ", ".join(map(repr, self.options))
            raise ValueError(f"expected one of {expected}, got {shown(value)}")

    def find(self, value: Any) -> Any:
        """Return the class or function that a value of the key names; None if it names none."""
        if isinstance(value, str):
            return self.options.get(value)
        return value

    def find_problems(self, value: Any, params: Any) -> list[str]:
        """Return what is wrong with the parameters of the part, one line each, with their path.

        A value that names nothing, or parameters that are no dict, are problems of ``base_params``.
        """
        raise NotImplementedError

    def types(self, value: Any) -> dict[str, Any]:
        """Return the type of each parameter of the part that a value of the key names."""
        raise NotImplementedError

    def build(self, value: Any, params: dict[str, Any]) -> Any:
        """Return the part, or None where the key names none."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class ClassSlot(Slot):
    """A key that names a class derived from Params; the part is an instance of it.

    Attributes:
        from_number: makes the part where the value is a number.
    """

    from_number: Callable[[float], Params] | None = None

    def find_problems(self, value: Any, params: Any) -> list[str]:
        cls = self.find(value)
        if not (is_params(cls) and isinstance(params, dict)):
            return []
        return find_problems(cls, params, self.params_key, self.retired)

    def types(self, value: Any) -> dict[str, Any]:
        cls = self.find(value)
        return types_of(cls) if is_params(cls) else {}

    def build(self, value: Any, params: dict[str, Any]) -> Any:
        if self.from_number is not None and isinstance(value, int | float):
            return self.from_number(value)
        return self.find(value)(**params)


@dataclasses.dataclass(frozen=True)
class FunctionSlot(Slot):
    """A key that names a function; the part is that function with its parameters bound.

    Attributes:
        call_arguments: given by the run at each call.
        run_arguments: given by the run where the config does not give them.
    """

    call_arguments: tuple[str, ...] = ()
    run_arguments: tuple[str, ...] = ()

    def find_problems(self, value: Any, params: Any) -> list[str]:
        function = self.find(value)
        if not (callable(function) and isinstance(params, dict)):
            return []
        supplied = (*self.call_arguments, *self.run_arguments)
        return find_call_problems(function, params, supplied, self.params_key)

    def types(self, value: Any) -> dict[str, Any]:
        function = self.find(value)
        return type_hints(function) if callable(function) else {}

    def build(self, value: Any, params: dict[str, Any]) -> Any:
        function = self.find(value)
        if function is None:
            return None
        return functools.partial(function, **params)


def _exported(package: ModuleType) -> dict[str, type[Params]]:
    """Return the classes that a package offers to configs, sorted by name."""
    return {name: getattr(package, name) for name in sorted(package.__all__)}


_FUNCTION = (
    "A config names one of these functions as a string or by import; another function with the "
    "same use works too."
)

_OF_ALL_LAYERS = dict.fromkeys(
    ("initializer", "initializer_params", "regularizer", "regularizer_params", "dtype"),
    "it counts for the whole network; move it to base_params",
)

_ROWS: tuple[Slot, ...] = (
    ClassSlot(
        "data_layer",
        _exported(data),
        retired={
            "repeat": "training repeats, and evaluation does not; remove it",
            "repeat_samples": "each epoch takes every row once; open-seq2seq-prepare balances the "
            "labels",
        },
        per_section=True,
    ),
    ClassSlot(
        "encoder",
        _exported(encoders),
        retired={
            **_OF_ALL_LAYERS,
            "first_num_filters": "it is num_filters now",
            "first_kernel_size": "it is kernel_size now",
            "first_conv_stride": "it is conv_stride now",
            "drop_block_prob": "no blocks are left out; remove it",
            "drop_block_index": "no blocks are left out; remove it",
        },
    ),
    ClassSlot("decoder", _exported(decoders), retired=_OF_ALL_LAYERS),
    ClassSlot("loss", _exported(losses)),
    ClassSlot("optimizer", OPTIMIZERS),
    ClassSlot(
        "loss_scaling",
        {ConstantScale.__name__: ConstantScale, **LOSS_SCALINGS},
        note="A number stands for `ConstantScale` with that scale; the others are named by their "
        "class.",
        from_number=lambda scale: ConstantScale(scale=scale),
    ),
    FunctionSlot(
        "lr_policy",
        lr_policies.LR_POLICIES,
        note=f"{_FUNCTION}\n\n{lr_policies.__doc__}",
        call_arguments=("global_step",),
        run_arguments=("decay_steps", "steps_per_epoch", "total_steps"),
    ),
    FunctionSlot("regularizer", REGULARIZERS, note=_FUNCTION),
    FunctionSlot("initializer", INITIALIZERS, note=_FUNCTION),
)

SLOTS = {slot.key: slot for slot in _ROWS}
