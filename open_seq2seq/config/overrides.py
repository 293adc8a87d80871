"""The command line's ``--key=value``: a command's own flags, and parameters of the config."""

from __future__ import annotations

import argparse
import ast
from typing import Any

from open_seq2seq.errors import UserError


def parse_arguments(
    parser: argparse.ArgumentParser, arguments: list[str]
) -> tuple[argparse.Namespace, dict[str, str]]:
    """Split a command line into what ``parser`` knows and parameters of the config.

    Args:
        parser: knows the command's own flags, each of one value or of none, and its positional
            arguments.
        arguments: of the command line; a parameter is ``--key=value`` or ``--key value``.

    Returns:
        The parsed flags, and the text of each parameter by its key, such as
        ``encoder_params/resnet_size``.

    Raises:
        UserError: a parameter has no value.
    """
    flags = {option: action for action in parser._actions for option in action.option_strings}
    positional: list[str] = []
    own: list[str] = []
    overrides: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        name, has_value, value = token.partition("=")
        if name in flags:
            own.append(token)
            takes_value = flags[name].nargs is None
            if takes_value and not has_value and _begins_with_value(rest):
                own.append(rest.pop(0))
        elif not token.startswith("--"):
            positional.append(token)
        elif has_value:
            overrides[name.removeprefix("--")] = value
        elif _begins_with_value(rest):
            overrides[name.removeprefix("--")] = rest.pop(0)
        else:
            raise UserError(f"{name}: expected a value, as in {name}=VALUE")
    return parser.parse_args([*positional, *own]), overrides


class TypedText(str):
    """A value as it was typed; `load_config` reads it as the type of its parameter."""


def parse_values(texts: dict[str, str]) -> dict[str, TypedText]:
    """Return what `parse_arguments` returns as overrides for `load_config`."""
    return {key: TypedText(text) for key, text in texts.items()}


def parse_value(text: str) -> Any:
    """Read a value of the command line: a Python literal, or else the text itself."""
    try:
        # escaped, as Python's code is UTF-8; in quotes an escape is the character again
        return ast.literal_eval(text.encode(errors="backslashreplace").decode())
    except (
        ValueError,
        TypeError,
        SyntaxError,
        MemoryError,
        RecursionError,
    ):  # what literal_eval is documented to raise
        return text


def _begins_with_value(rest: list[str]) -> bool:
    return bool(rest) and not rest[0].startswith("--")
