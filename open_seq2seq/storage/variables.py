"""Variables by name: their values as arrays for a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from open_seq2seq.errors import UserError, counted, listed
from open_seq2seq.structs import Variable

_SEED = "seed_generator_state"


def values_of(variables: Iterable[Variable]) -> dict[str, np.ndarray]:
    """Return the values of Keras or TensorFlow variables by name."""
    return {name: np.asarray(variable) for name, variable in by_name(variables).items()}


def assign(variables: Iterable[Variable], arrays: Mapping[str, np.ndarray], what: str) -> None:
    """Set variables to a checkpoint's arrays.

    Args:
        variables: of the model, or of the training.
        arrays: by name.
        what: "model" or "optimizer", for the message.

    Raises:
        UserError: a variable is missing on either side, or has another shape.
    """
    named = by_name(variables)
    problems = [f"{name}: not in the {what}" for name in arrays.keys() - named.keys()]
    problems += [f"{name}: {reason}" for name, reason in mismatches(named, arrays).items()]
    if problems:
        raise UserError(
            f"the checkpoint does not fit the {what} of this config "
            f"({counted(len(problems), 'difference')}):{listed(sorted(problems), 5)}\n"
            "Use the config that the run was started with"
        )
    for name, variable in named.items():
        variable.assign(arrays[name])


def non_finite(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of arrays that hold NaN or infinity."""
    return [
        name
        for name, array in arrays.items()
        if array.dtype.kind in "fc" and not np.isfinite(array).all()
    ]


def mismatches(
    variables: Mapping[str, Variable], arrays: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """Return why variables cannot take the arrays of their names; only of those that cannot."""
    reasons = {}
    for name, variable in variables.items():
        shape = tuple(variable.shape)
        if name not in arrays:
            reasons[name] = f"missing, expected shape {shape}"
        elif arrays[name].shape != shape:
            reasons[name] = f"shape {arrays[name].shape}, expected {shape}"
    return reasons


def differing(some: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield the names of arrays that are not the same, bit by bit, on both sides."""
    for name in some.keys() | others.keys():
        if (
            name not in some
            or name not in others
            or np.asarray(some[name]).tobytes() != np.asarray(others[name]).tobytes()
        ):
            yield name


def is_seed(variable: Variable) -> bool:
    """Tell whether a variable is the state of a random generator, such as dropout's."""
    return variable_name(variable).endswith(_SEED)


def variable_name(variable: Variable) -> str:
    """Return the path of a Keras variable, or the name of a TensorFlow one."""
    return getattr(variable, "path", None) or variable.name


def by_name(variables: Iterable[Variable]) -> dict[str, Variable]:
    """Return variables by name; random seeds by their order.

    Keras counts the names of seed generators through the whole process.
    """
    named: dict[str, Variable] = {}
    n_seeds = 0
    for variable in variables:
        name = variable_name(variable)
        if is_seed(variable):
            name, n_seeds = f"{_SEED}/{n_seeds}", n_seeds + 1
        named[name] = variable
    return named
