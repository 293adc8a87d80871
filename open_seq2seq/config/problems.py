"""Mistakes in parameters, all of them at once, in the words of the config."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import pydantic

from open_seq2seq.components import Params, is_params
from open_seq2seq.errors import UserError, cut, shown

ParamsT = TypeVar("ParamsT", bound=Params)

_TYPE_NAMES = {
    "int_type": "int",
    "float_type": "float",
    "string_type": "str",
    "bool_type": "bool",
    "list_type": "a list",
    "dict_type": "a dict",
    "callable_type": "a function",
}


def find_problems(
    cls: type[Params],
    values: dict[str, Any],
    prefix: str,
    retired: Mapping[str, str] | None = None,
) -> list[str]:
    """Return what is wrong with ``values`` as parameters of ``cls``, one line each.

    Args:
        cls: what checks them.
        values: by key.
        prefix: path of the values in the config, with which each line begins.
        retired: keys that are refused, and what to do instead.
    """
    try:
        cls.model_validate(values)
    except pydantic.ValidationError as error:
        lines = [_line(cls, problem, prefix, retired or {}) for problem in error.errors()]
        return list(dict.fromkeys(lines))
    return []


def checked(cls: type[ParamsT], values: dict[str, Any], prefix: str) -> ParamsT:
    """Return ``values`` as parameters of ``cls``; `find_problems` tells the arguments.

    Raises:
        UserError: something is wrong with them.
    """
    problems = find_problems(cls, values, prefix)
    if problems:
        raise UserError("; ".join(problems))
    return cls(**values)


def find_call_problems(
    function: Callable, values: dict[str, Any], supplied: Iterable[str], prefix: str
) -> list[str]:
    """Return what is wrong with ``values`` as arguments of a function, one line each.

    Args:
        function: that takes them.
        values: by name.
        supplied: names of arguments that the run gives.
        prefix: path of the values in the config, with which each line begins.
    """
    try:
        accepted = inspect.signature(function).parameters
    except ValueError:  # a built-in such as max
        key = prefix.removesuffix("_params")
        return [f"{key}: expected a function that says what it takes, got {shown(function)}"]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
        return []
    known = [name for name in accepted if name not in supplied]
    problems = [f"{prefix}: {_unknown(name, known)}" for name in values if name not in accepted]
    types = type_hints(function)
    for name, parameter in accepted.items():
        is_required = parameter.default is inspect.Parameter.empty and parameter.kind in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        if is_required and name not in values and name not in supplied:
            problems.append(f"{prefix}: missing required parameter {name!r}")
        elif name in values and name in types and not fits(values[name], types[name]):
            problems.append(
                f"{prefix}/{name}: expected {type_name(types[name])}, got {shown(values[name])}"
            )
    return problems


def type_hints(function: Callable) -> dict[str, Any]:
    """Return the types of a function's arguments, none where they cannot be known."""
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a function of the user's, with annotations unknown here
        return {}


def fits(value: Any, annotation: Any) -> bool:
    """Tell whether a value has a type; nothing is converted but an int to a float."""
    try:
        pydantic.TypeAdapter(
            annotation,
            config=pydantic.ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False),
        ).validate_python(value, strict=True)
    except pydantic.ValidationError:
        return False
    except pydantic.PydanticUserError:  # a class that takes no config is checked by its own rules
        return True
    return True


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    if not close:
        return ""
    return f", did you mean {close[0]!r}?"


def path_of(location: Iterable[str | int]) -> str:
    """Spell a location as the command line does: ``convnet_layers[1]/padding``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif text:
            text += f"/{part}"
        else:
            text = part
    return text


def _unknown(name: Any, known: Iterable[str]) -> str:
    if not isinstance(name, str):
        return f"unknown parameter {shown(name)}"
    return f"unknown parameter {shown(name)}{suggestion(name, known)}"


def _line(cls: type[Params], problem: Any, prefix: str, retired: Mapping[str, str]) -> str:
    kind, location, value = problem["type"], list(problem["loc"]), problem["input"]
    owner, path = _follow(cls, location)
    where = path_of([prefix, *path])
    if kind == "extra_forbidden":
        name = location[-1]
        if name in retired:
            return f"{prefix}: {name!r} is not supported: {retired[name]}"
        return f"{where}: {_unknown(name, owner.model_fields)}"
    if kind == "invalid_key":  # the location says it in another spelling
        return f"{prefix}: expected names of parameters, got the key {location[-1]}"
    if kind == "missing":
        return f"{path_of([prefix, *path[:-1]])}: missing required parameter {location[-1]!r}"
    field = [part for part in path if isinstance(part, str)][-1:]
    union = None  # of a union the location names the member
    if field and len(path) < len(location):
        union = owner.model_fields[field[0]].annotation
    return f"{where}: {_expectation(kind, union, problem, value)}"


def _follow(cls: type[Params], location: list) -> tuple[type[Params], list]:
    """Return the innermost class of parameters that a location leads to, and its path.

    A union adds its member's name behind the field's; the member is not part of the path.
    """
    owner: type[Params] = cls
    annotation: Any = cls
    path: list[str | int] = []
    for part in location:
        owner = _params_in(annotation) or owner
        if isinstance(part, int):
            path.append(part)
        elif annotation is not None and part in owner.model_fields:
            path.append(part)
            annotation = owner.model_fields[part].annotation
            if _params_in(annotation) is None:
                annotation = None  # a value
    return owner, path


def _params_in(annotation: Any) -> type[Params] | None:
    """Return the class of parameters that a type is made of, such as the elements of a list."""
    if is_params(annotation):
        return annotation
    inner = (_params_in(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)


def _expectation(kind: str, union: Any, problem: Any, value: Any) -> str:
    if kind == "value_error":
        return cut(str(problem["ctx"]["error"]))
    if union is not None:  # say what the field takes as a whole
        return f"expected {type_name(union)}, got {shown(value)}"
    if kind == "literal_error":
        expected = problem["ctx"]["expected"].replace(" or ", ", ")
        return f"expected one of {expected}, got {shown(value)}"
    if kind in _TYPE_NAMES:
        return f"expected {_TYPE_NAMES[kind]}, got {shown(value)}"
    if kind.startswith("is_subclass_of"):
        return f"expected a subclass of {problem['ctx']['class']}, got {shown(value)}"
    return f"{problem['msg'].replace('Input should be', 'expected a value')}, got {shown(value)}"


def type_name(annotation: Any) -> str:
    """Spell a type as the reference does: ``float or 'Backoff'``."""
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " or ".join(map(repr, get_args(annotation)))
    if annotation is type(None):
        return "None"
    if get_origin(annotation) in (list, dict):
        inner = ", ".join(type_name(a) for a in get_args(annotation))
        return f"{get_origin(annotation).__name__} of {inner}"
    if annotation is Any:
        return "anything"
    if get_origin(annotation) is type:
        return f"a subclass of {get_args(annotation)[0].__name__}"
    if get_args(annotation):
        return " or ".join(type_name(a) for a in get_args(annotation))
    if annotation is Callable:
        return "a function"
    return getattr(annotation, "__name__", str(annotation))
