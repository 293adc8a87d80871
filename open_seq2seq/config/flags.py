"""Flags of a mode from a class of parameters, which says their names, types and meanings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_origin

from open_seq2seq.components import Params, types_of
from open_seq2seq.config.problems import find_problems
from open_seq2seq.config.typed_text import read_text
from open_seq2seq.errors import UserError

P = TypeVar("P", bound=Params)


def take_flags(texts: dict[str, str], params: type[P], *, modes: str, is_its_mode: bool) -> P:
    """Take the flags of some parameters out of what a command line says of a config.

    Args:
        texts: by name; those of the parameters are removed.
        params: their class.
        modes: that have such flags, as messages name them.
        is_its_mode: whether the parameters are for the mode that is run.

    Raises:
        UserError: a value is wrong, or a flag is not for this mode.
    """
    own = {name: texts.pop(name) for name in types_of(params) if name in texts}
    if own and not is_its_mode:
        raise UserError(f"--{next(iter(own))} is for --mode={modes} only")
    return read_flags(own, params)


def read_flags(texts: Mapping[str, str | None], params: type[P]) -> P:
    """Return the parameters that flags of a command say.

    Args:
        texts: by name; None for a flag that is not given.
        params: their class.

    Raises:
        UserError: a value is wrong.
    """
    types = types_of(params)
    values = {name: _read(text, types[name]) for name, text in texts.items() if text is not None}
    problems = find_problems(params, values, "")
    if problems:
        raise UserError("; ".join(_of_flag(problem) for problem in problems))
    return params(**values)


def _read(text: str, annotation: Any) -> Any:
    """Return the value of a flag; a list needs no brackets."""
    if get_origin(annotation) is list and not text.lstrip().startswith("["):
        text = f"[{text}]"
    return read_text(text, annotation)


def _of_flag(problem: str) -> str:
    """Return a problem in the words of the command line: of one flag, or of several."""
    together = problem.removeprefix(": ")
    return together if together != problem else f"--{problem}"
