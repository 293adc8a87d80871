"""Typed reader of a NeMo configuration that collects all problems."""

from __future__ import annotations

import math
import re
from typing import Any

from open_seq2seq.errors import cut, shown

_CLASS_KEYS = ("_target_", "cls", "target")  # keys that name a part's class
_MAX_ITEMS = 100_000  # of all lists that are resolved, as each item of a list can refer to the list


class Reader:
    """Reads values of a configuration by type.

    Attributes:
        config: the configuration.
        problems: what is wrong with its values.
        notes: hints for the user.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._n_left = _MAX_ITEMS

    def section(self, name: str) -> dict[str, Any]:
        """Return a part of the configuration, empty if it is missing or null."""
        section = self.config.get(name) or {}
        if not isinstance(section, dict):
            self.problems.append(f"{name}: expected keys and values, got {shown(section)}")
            return {}
        params = section.get("params")  # NeMo before 1.0 had the settings in there
        if isinstance(params, dict):
            return {**section, **params}
        return section

    def expect_class(
        self, name: str, section: dict[str, Any], known: tuple[str, ...], is_required: bool = True
    ) -> None:
        """Note a problem if a part's class is not known."""
        classes = [section[key] for key in _CLASS_KEYS if isinstance(section.get(key), str)]
        class_name = next(iter(classes), None)
        if (class_name or is_required) and str(class_name).rpartition(".")[2] not in known:
            self.problems.append(
                f"{name or 'model'}: its class is {cut(str(class_name))}, "
                f"expected {' or '.join(known)}"
            )

    def expect_constants(
        self, prefix: str, section: dict[str, Any], constants: dict[str, Any]
    ) -> None:
        """Note a problem for each key whose value is not the only one that can be imported."""
        for key, expected in constants.items():
            value = self._resolve(section.get(key, expected))
            if value != expected:
                self.problems.append(
                    f"{prefix}{key}: {shown(value)}, only {expected!r} can be imported"
                )

    def value(
        self, prefix: str, section: dict[str, Any], key: str, kind: Any, default: Any = None
    ) -> Any:
        """Return a number, bool or word.

        Args:
            prefix: path of the section in messages, with a slash at its end.
            section: a part of the configuration.
            key: the key; it is required without a default.
            kind: int, float, bool or str.
            default: the value of a missing key.
        """
        value = self._resolve(section.get(key))
        if value is None:
            value = default
        if kind is int and isinstance(value, list) and len(value) == 1:  # NeMo writes kernel: [11]
            value = value[0]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            self.problems.append(f"{prefix}{key}: expected {_KINDS[kind]}, got {shown(value)}")
            return _PLACEHOLDERS[kind]
        return value

    def words(self, prefix: str, section: dict[str, Any], key: str) -> list[str]:
        """Return a list of words, empty if it is missing or null."""
        value = self._resolve(section.get(key)) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problems.append(
                f"{prefix}{key}: expected a list of words, each in quotes, got {shown(value)}"
            )
            return []
        return value

    def _resolve(self, value: Any, depth: int = 0) -> Any:
        """Follow references such as ``${model.dropout}``, which older archives have."""
        if isinstance(value, list):
            self._n_left -= len(value)
            if self._n_left <= 0:
                return value
            return [self._resolve(item, depth + 1) for item in value]
        if not isinstance(value, str) or depth > 8:
            return value
        reference = re.fullmatch(r"\$\{(?:model\.)?([\w.]+)\}", value)
        if reference is None:
            return value
        target: Any = self.config
        for key in reference[1].split("."):
            if not isinstance(target, dict):
                return None
            target = target.get(key)
        return self._resolve(target, depth + 1)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
_PLACEHOLDERS = {int: 1, float: 0.0, bool: False, str: ""}  # values to continue with after problems
