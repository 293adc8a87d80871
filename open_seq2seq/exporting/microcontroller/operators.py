"""The operators that microcontrollers' runtimes have, and those that a file needs."""

from __future__ import annotations

from typing import Literal

from open_seq2seq.errors import UserError
from open_seq2seq.exporting.flatbuffer import operator_codes, read_tree

Profile = Literal["tflm", "esphome"]

# of TensorFlow Lite Micro, those that networks for streams are made of
_TFLM = (
    "ADD ASSIGN_VARIABLE CALL_ONCE CONCATENATION CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED "
    "LOGISTIC MAX_POOL_2D MEAN MUL QUANTIZE READ_VARIABLE RESHAPE SOFTMAX STRIDED_SLICE "
    "VAR_HANDLE"
)
# of ESPHome's component micro_wake_word
_ESPHOME = (
    "ADD ASSIGN_VARIABLE AVERAGE_POOL_2D CALL_ONCE CONCATENATION CONV_2D DEPTHWISE_CONV_2D "
    "FULLY_CONNECTED LOGISTIC MAX_POOL_2D MEAN MUL PACK PAD QUANTIZE READ_VARIABLE RESHAPE SPLIT_V "
    "STRIDED_SLICE VAR_HANDLE"
)
OPERATORS = {"tflm": frozenset(_TFLM.split()), "esphome": frozenset(_ESPHOME.split())}
_MOST_VARIABLES = {"esphome": 20}


def operators_of(model: bytes) -> list[str]:
    """Return the names of the operators that a LiteRT file needs, sorted."""
    from ai_edge_litert import schema_py_generated as schema

    names = {
        number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()
    }
    return sorted({names[code] for code in operator_codes(read_tree(model))})


def check_operators(model: bytes, profile: Profile, n_variables: int) -> None:
    """Refuse a file that a runtime cannot run.

    Raises:
        UserError: it needs an operator, or more variables, than the runtime has.
    """
    others = sorted(set(operators_of(model)) - OPERATORS[profile])
    if others:
        raise UserError(
            f"micro_profile: {profile} has no operator {', '.join(others)}, which this network "
            "needs; nothing is exported"
        )
    most = _MOST_VARIABLES.get(profile, n_variables)
    if n_variables > most:
        raise UserError(
            f"micro_profile: {profile} holds {most} variables, this network needs {n_variables}; "
            "nothing is exported. Give it fewer layers over time"
        )
