"""Variables by name: their values out, for a checkpoint, and back in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from open_seq2seq.errors import UserError


def values_of(variables: Iterable[Any]) -> dict[str, np.ndarray]:
    """Return the values of Keras or TensorFlow variables by path."""
    return {name: np.asarray(variable) for name, variable in _by_name(variables).items()}


def assign(variables: Iterable[Any], values: dict[str, np.ndarray], what: str) -> None:
    """Set variables to a checkpoint's values.

    Raises:
        UserError: a variable is missing in the checkpoint, is not in the model, or has another
            shape.
    """
    variables = _by_name(variables)
    problems = [f"{name}: not in the {what}" for name in values.keys() - variables.keys()]
    for name, variable in variables.items():
        if name not in values:
            problems.append(f"{name}: not in the checkpoint")
        elif tuple(variable.shape) != values[name].shape:
            problems.append(
                f"{name}: {values[name].shape} in the checkpoint, {tuple(variable.shape)} in the {what}"
            )
    if problems:
        shown = "".join(f"\n  {line}" for line in sorted(problems)[:5])
        raise UserError(
            f"the checkpoint does not fit the {what} of this config ({len(problems)} differences):{shown}\n"
            "Use the config that the run was started with"
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def _by_name(variables: Iterable[Any]) -> dict[str, Any]:
    """Return variables by path; the seeds of dropout by their order, as Keras counts them through
    the whole process.
    """
    named: dict[str, Any] = {}
    n_seeds = 0
    for variable in variables:
        name = getattr(variable, "path", None) or variable.name
        if name.endswith("seed_generator_state"):
            name, n_seeds = f"seed_generator_state/{n_seeds}", n_seeds + 1
        named[name] = variable
    return named
