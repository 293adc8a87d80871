"""Random damage to bytes, and what is no file in the place of one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def pick(rng: np.random.Generator, choices):
    """Return one of a sequence, as it is (NumPy would make an array of it)."""
    return choices[rng.integers(len(choices))]


def damage(rng: np.random.Generator, content: bytes, head: int | None = None) -> tuple[bytes, str]:
    """Return ``content`` with one to three edits, most of them in its first ``head`` bytes, and
    what they are.
    """
    words = []
    for _ in range(rng.integers(1, 4)):
        edit = pick(rng, (flip, overwrite, cut, remove, repeat))
        end = min(head or len(content), len(content)) if rng.random() < 0.8 else len(content)
        content = edit(rng, content, max(1, end))
        words.append(edit.__name__)
    return content, "+".join(words)


def flip(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Flip a bit."""
    if not content:
        return content
    changed = bytearray(content)
    changed[rng.integers(min(end, len(content)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwrite(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Put an extreme number in the place of one to four bytes."""
    place, width = int(rng.integers(end)), int(pick(rng, (1, 2, 4)))
    number = (int(pick(rng, _EXTREMES)) & ((1 << 8 * width) - 1)).to_bytes(
        width, pick(rng, ("little", "big"))
    )
    return content[:place] + number + content[place + width :]


def cut(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Cut off the rest, anywhere."""
    return content[: rng.integers(len(content) + 1)]


def remove(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Take some bytes out."""
    place = int(rng.integers(end))
    return content[:place] + content[place + int(rng.integers(1, 9)) :]


def repeat(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Put some bytes in twice."""
    place, length = int(rng.integers(end)), int(rng.integers(1, 65))
    return content[:place] + content[place : place + length] + content[place:]


def put_no_file(path: Path, what: str) -> None:
    """Put a folder, pipe, device or loop where a file is expected; nothing for any other word."""
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path.name)
