"""The help of flags that are parameters of a class, read from its source.

Importing the class would import pydantic, for which ``--help`` would wait half a second.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
from collections.abc import Iterator
from typing import Any


def add_flags(parser: argparse.ArgumentParser, module: str, name: str, prefix: str) -> None:
    """Add a flag for each parameter of a class; two classes may have one of the same name.

    Args:
        parser: of the command.
        module: of the class.
        name: of the class.
        prefix: of each meaning.
    """
    for flag, default, description in _fields(module, name):
        meaning = f"{prefix}{description}".rstrip(".")
        if default != "None":
            meaning += f" (default: {default})"
        other = parser._option_string_actions.get(f"--{flag}")
        if other is None:
            unit = "N" if "_per_" in flag else flag.split("_")[-1].upper()
            parser.add_argument(f"--{flag}", metavar=unit, help=meaning)
        else:  # of another mode
            other.help = f"{other.help}; {meaning}"


def _fields(module: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, default as Python writes it, and description of each field of a class."""
    loader: Any = getattr(importlib.util.find_spec(module), "loader", None)
    tree = ast.parse(loader.get_source(module))
    (cls,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            given = {keyword.arg: keyword.value for keyword in node.value.keywords}
            description = ast.literal_eval(given["description"])
            yield ast.unparse(node.target), ast.unparse(given["default"]), description
