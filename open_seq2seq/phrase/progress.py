"""What was asked for and which steps are done: ``phrase.json`` in the folder of a detector."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from open_seq2seq.errors import UserError, shown
from open_seq2seq.system.files import is_vacant, write_text

NAME = "phrase.json"
_FORMAT = 1


class Progress:
    """The steps of one detector. A step that is done is not done again."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        """Begin, or go on where the same request was left.

        Args:
            folder: of the detector.
            request: what is asked for, in JSON's types.

        Raises:
            UserError: the folder holds something else, or cannot be read or written.
        """
        self.folder = folder
        self._path = folder / NAME
        self._content: dict[str, Any] = {"format": _FORMAT, "request": request, "done": {}}
        if self._path.is_file():
            self._content = _read(self._path)
            self._check(request)
        elif not is_vacant(folder):
            raise UserError(
                f"output_dir: {folder} is not empty and has no {NAME}, so it is not of this "
                "command; name a new folder"
            )

    @property
    def is_begun(self) -> bool:
        """Whether an earlier command has begun it."""
        return self._path.is_file()

    @property
    def done(self) -> dict[str, dict[str, Any]]:
        """What each step that is done has told, with its ``seconds`` and ``cpu_seconds``."""
        return self._content["done"]

    def is_done(self, name: str) -> bool:
        """Tell whether a step is done, and no part of it told an ``error``."""
        return name in self.done and not any(
            isinstance(part, dict) and "error" in part for part in self.done[name].values()
        )

    def step(self, name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do a step, unless `is_done`, and return what it tells, in JSON's types.

        Raises:
            UserError: of the step, or the record cannot be written.
        """
        if not self.is_done(name):
            start, cpu = time.monotonic(), _cpu_seconds()
            facts = do()
            took = {"seconds": time.monotonic() - start, "cpu_seconds": _cpu_seconds() - cpu}
            self.done[name] = {**facts, **{key: round(value, 1) for key, value in took.items()}}
            self.save()
        return self.done[name]

    def save(self) -> None:
        """Write the record, whole or not at all.

        Raises:
            UserError: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps(self._content, indent=2) + "\n")
        except OSError as error:
            raise UserError(
                f"output_dir: cannot write {self._path} ({error.strerror or error}); name a folder "
                "on a writable disk"
            ) from None

    def _check(self, request: dict[str, Any]) -> None:
        before = self._content["request"]
        for key in request:
            if before.get(key) != request[key]:
                raise UserError(
                    f"output_dir: {self.folder} was begun with {key} {shown(before.get(key))}, "
                    f"now it is {shown(request[key])}; give the same as before to go on with it, "
                    "or name a new folder"
                )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT or not isinstance(content["request"], dict):
            raise ValueError("it is of another version")
        if not isinstance(content["done"], dict):
            raise ValueError("it has no list of steps")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"output_dir: {path} cannot be used ({error}); name a new folder, or delete this one"
        ) from None
    return content


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
