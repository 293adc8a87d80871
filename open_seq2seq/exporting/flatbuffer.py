"""LiteRT files as trees of Python objects, and back."""

from __future__ import annotations

from typing import Any


def read_tree(model: bytes) -> Any:
    """Return the `ModelT` of a file."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def write_tree(tree: Any) -> bytes:
    """Return the file of a `ModelT`."""
    from flatbuffers import Builder

    builder = Builder()
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operator_codes(tree: Any) -> list[int]:
    """Return the operators of a tree as numbers of `BuiltinOperator`, as its graphs index them."""
    # older files have the number in the deprecated field alone
    return [max(code.builtinCode, code.deprecatedBuiltinCode) for code in tree.operatorCodes]
