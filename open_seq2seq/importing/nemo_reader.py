"""Values of a NeMo configuration by type, and what is wrong with them."""

from __future__ import annotations

import math
import re
from typing import Any

from open_seq2seq.errors import cut, shown

# what says which class it is, not how it is set
_CLASS_KEYS = ("_target_", "cls", "target")

_MOST_ITEMS = (
    100_000  # of lists that are looked through: a list may refer to itself, in each of its items
)


class Reader:
    """Values of the configuration by type; what is wrong with them, or worth knowing, is collected."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._n_left = _MOST_ITEMS

    def section(self, name: str) -> dict[str, Any]:
        """Return a part of the configuration, empty where it is missing or null."""
        section = self.config.get(name) or {}
        if not isinstance(section, dict):
            self.problems.append(f"{name}: expected keys and values, got {shown(section)}")
            return {}
        params = section.get("params")  # NeMo before 1.0 kept the settings apart from the class
        return {**section, **params} if isinstance(params, dict) else section

    def expect_class(
        self, name: str, section: dict[str, Any], known: tuple[str, ...], is_required: bool = True
    ) -> None:
        """Note a problem where a part is not of a known class."""
        found = next(
            (section[key] for key in _CLASS_KEYS if isinstance(section.get(key), str)), None
        )
        if (found or is_required) and str(found).rpartition(".")[2] not in known:
            self.problems.append(
                f"{name or 'model'}: its class is {cut(str(found))}, expected {' or '.join(known)}"
            )

    def expect_constants(
        self, place: str, section: dict[str, Any], constants: dict[str, Any]
    ) -> None:
        """Note a problem for each key that has another value than the one that works here."""
        for key, expected in constants.items():
            value = self._resolve(section.get(key, expected))
            if value != expected:
                self.problems.append(
                    f"{place}{key}: {shown(value)}, only {expected!r} can be imported"
                )

    def value(
        self, place: str, section: dict[str, Any], key: str, kind: Any, default: Any = None
    ) -> Any:
        """Return a number, bool or word; without a default the key must be there."""
        value = self._resolve(section.get(key))
        if value is None:
            value = default
        if kind is int and isinstance(value, list) and len(value) == 1:  # NeMo writes kernel: [11]
            value = value[0]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            self.problems.append(f"{place}{key}: expected {_KINDS[kind]}, got {shown(value)}")
            return _STAND_INS[kind]
        return value

    def words(self, place: str, section: dict[str, Any], key: str) -> list[str]:
        """Return a list of words, empty where it is missing or null."""
        value = self._resolve(section.get(key)) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problems.append(
                f"{place}{key}: expected a list of words, each in quotes, got {shown(value)}"
            )
            return []
        return value

    def _resolve(self, value: Any, depth: int = 0) -> Any:
        """Look up a reference such as ``${model.dropout}``, which older archives hold."""
        found = (
            re.fullmatch(r"\$\{(?:model\.)?([\w.]+)\}", value) if isinstance(value, str) else None
        )
        if isinstance(value, list):
            self._n_left -= len(value)
            return [self._resolve(item, depth + 1) for item in value] if self._n_left > 0 else value
        if found is None or depth > 8:
            return value
        target: Any = self.config
        for key in found[1].split("."):
            target = target.get(key) if isinstance(target, dict) else None
        return self._resolve(target, depth + 1)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
_STAND_INS = {int: 1, float: 0.0, bool: False, str: ""}  # what is read on with after a problem
