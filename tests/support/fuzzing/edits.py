"""Random corruption of bytes, and things other than a file at a file's path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def pick(rng: np.random.Generator, choices):
    """Return a random item of a sequence, unchanged (NumPy would convert it to an array)."""
    return choices[rng.integers(len(choices))]


def damage(rng: np.random.Generator, content: bytes, head: int | None = None) -> tuple[bytes, str]:
    """Return ``content`` with one to three random edits, and their names.

    Most edits are in the first ``head`` bytes.
    """
    words = []
    for _ in range(rng.integers(1, 4)):
        edit = pick(rng, (flip, overwrite, cut, remove, repeat))
        end = len(content)
        if rng.random() < 0.8 and head:
            end = min(head, end)
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
    """Replace one to four bytes by an extreme number."""
    start, width = int(rng.integers(end)), int(pick(rng, (1, 2, 4)))
    number = int(pick(rng, _EXTREMES)) & ((1 << 8 * width) - 1)
    written = number.to_bytes(width, pick(rng, ("little", "big")))
    return content[:start] + written + content[start + width :]


def cut(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Truncate at a random byte."""
    return content[: rng.integers(len(content) + 1)]


def remove(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Remove one to eight bytes."""
    start = int(rng.integers(end))
    return content[:start] + content[start + int(rng.integers(1, 9)) :]


def repeat(rng: np.random.Generator, content: bytes, end: int) -> bytes:
    """Duplicate up to 64 bytes."""
    start, length = int(rng.integers(end)), int(rng.integers(1, 65))
    return content[:start] + content[start : start + length] + content[start:]


def put_no_file(path: Path, what: str) -> None:
    """Make a folder, pipe, device or loop at a file's path; do nothing for any other word."""
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path.name)
