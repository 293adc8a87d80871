"""The exceptions that mean "the user can fix this", and how messages show values."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

NON_FINITE_ADVICE = (
    "The training of the model diverged: use an earlier checkpoint, or train it again with a lower "
    "learning rate"
)
_LONGEST = 300  # characters of a value, or of what somebody else has to say, in a message


class UserError(Exception):
    """A mistake in what the user gave, shown without a traceback; the exit status is this one.

    The message names the thing, its value, what was expected and what to do.
    """

    exit_status = 2


class LostWorkerError(UserError):
    """Another worker of the run has failed; ``cause`` names it."""

    exit_status = 3

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"{cause}; this process stops too. The last checkpoint is intact: continue with "
            "--continue_learning"
        )
        self.cause = cause


def shown(value: Any) -> str:
    """Return a value as a message shows it: as Python writes it, cut where it is long or deep."""
    return cut(_BRIEF.repr(value))


def counted(count: int, noun: str) -> str:
    """Return ``1 file`` or ``2 files``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"


def cut(text: str) -> str:
    """Return ``text`` as long as a message can bear."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}..."


def named(names: Iterable[str], most: int = 5) -> str:
    """Return the first names with commas between them, and the number of the others.

    A name with characters that do not show, or that are not UTF-8, is escaped as Python does it.
    """
    names = list(names)
    text = ", ".join(name if name.isprintable() else repr(name)[1:-1] for name in names[:most])
    if len(names) > most:
        text += f" and {len(names) - most:,} more"
    return text


def listed(lines: Sequence[str], most: int = 30) -> str:
    """Return the lines that follow a message, each on its own, at most ``most`` of them."""
    shown_lines = list(lines[:most])
    if len(lines) > most:
        shown_lines.append(f"and {len(lines) - most:,} more")
    return "".join(f"\n  {line}" for line in shown_lines)


class _Brief(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 20
        self.maxstring = self.maxother = self.maxlong = _LONGEST

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write numbers of more than some thousand digits
        return repr(x) if x.bit_length() < 1000 else f"a number of {x.bit_length():,} bits"


_BRIEF = _Brief()
