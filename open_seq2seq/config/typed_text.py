"""What a value of the command line means: its parameter's type decides.

``--logdir=20261125`` is text because ``logdir`` is, and ``--num_epochs=20`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from open_seq2seq.components import is_params, types_of
from open_seq2seq.config.overrides import TypedText, parse_value
from open_seq2seq.config.problems import fits
from open_seq2seq.config.run_params import RunParams
from open_seq2seq.config.slots import SLOTS

# of a list: text in quotes, or without a comma and quotes
_ELEMENT = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,'"\s][^,'"]*?)\s*(?:,\s*|$)""")

Types = Mapping[str, Any]  # of each parameter


def read_texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run with each `TypedText` in them read as its parameter's type."""
    read = read_fields(values, types_of(RunParams))
    for slot in SLOTS.values():
        params = values.get(slot.params_key)
        if isinstance(params, dict):
            named = read.get(slot.key, RunParams.model_fields[slot.key].default)
            read[slot.params_key] = read_fields(params, slot.types(named))
    return read


def read_text(text: str, annotation: Any) -> Any:
    """Return what ``text`` means for a parameter: a Python literal if it fits, or else text.

    ``None`` is None only for a parameter that can be None, and text for one that is always text. In
    a list of texts the elements are read so, and need no quotes, which a shell would take away.
    """
    text = str(text)  # not a TypedText, which has been read now
    value = parse_value(text)
    if fits(value, annotation):
        return value
    element = _element_of(annotation)
    if element is not None and _takes_text(element):
        parts = _elements(text)
        return value if parts is None else [read_text(part, element) for part in parts]
    if isinstance(value, str) or not _takes_text(annotation):
        return value
    return text


def read_fields(values: dict[str, Any], types: Types) -> dict[str, Any]:
    """Return the values with each `TypedText` in them read as the type of its name."""
    return {key: _read(value, types.get(key, Any)) for key, value in values.items()}


def _read(value: Any, annotation: Any) -> Any:
    if isinstance(value, TypedText):
        return read_text(value, annotation)
    if isinstance(value, dict):
        nested = [cls for cls in _members(annotation) if is_params(cls)]
        return read_fields(value, types_of(nested[0]) if nested else {})
    return value


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return a type and, of a union or a type with notes, its members."""
    if get_origin(annotation) in (list, dict, type, Literal):
        return (annotation,)
    return (annotation, *(part for arg in get_args(annotation) for part in _members(arg)))


def _takes_text(annotation: Any) -> bool:
    return any(
        member is str
        or (get_origin(member) is Literal and any(isinstance(o, str) for o in get_args(member)))
        for member in _members(annotation)
    )


def _element_of(annotation: Any) -> Any:
    """Return the type of a list's elements, None for what is no list."""
    lists = [member for member in _members(annotation) if get_origin(member) is list]
    return get_args(lists[0])[0] if lists else None


def _elements(text: str) -> list[str] | None:
    """Return the elements of a list as they were typed, None for what is no list."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    inner, elements, end = text[1:-1], [], 0
    while end < len(inner):
        match = _ELEMENT.match(inner, end)
        if match is None:
            return None
        elements.append(match[1])
        end = match.end()
    return elements
