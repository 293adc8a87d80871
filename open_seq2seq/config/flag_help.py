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
        if typed := _typed(default):
            meaning += f" (default: {typed})"
        other = parser._option_string_actions.get(f"--{flag}")
        if other is None:
            unit = "N" if "_per_" in flag else flag.split("_")[-1].upper()
            parser.add_argument(f"--{flag}", metavar=unit, help=meaning)
        else:  # of another mode
            other.help = f"{other.help}; {meaning}"


def _typed(default: Any) -> str:
    """Return a default as one types it after a flag; nothing for None and what is empty."""
    if isinstance(default, list):
        return ",".join(_typed(each) for each in default)
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default in (None, {}) else str(default)


def _fields(module: str, name: str) -> Iterator[tuple[str, Any, str]]:
    """Yield name, default and description of each field of a class."""
    tree = _tree(module)
    (cls,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            given = {keyword.arg: keyword.value for keyword in node.value.keywords}
            description = ast.literal_eval(given["description"])
            default = ast.literal_eval(_Named(tree).visit(given["default"]))
            yield ast.unparse(node.target), default, description


class _Named(ast.NodeTransformer):
    """Puts values in place of the names of constants."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    def visit_Name(self, node: ast.Name) -> ast.expr:
        for each in self._tree.body:
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == node.id:
                return each.value
            if isinstance(each, ast.ImportFrom) and node.id in [name.name for name in each.names]:
                return _Named(_tree(str(each.module))).visit_Name(node)
        return node


def _tree(module: str) -> ast.Module:
    loader: Any = getattr(importlib.util.find_spec(module), "loader", None)
    return ast.parse(loader.get_source(module))
