"""Move finished files to their destination: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def put_in_place(new: Path, destination: Path, old: Path, obsolete: Iterable[str] = ()) -> None:
    """Move everything in ``new`` to ``destination``, or nothing if a move fails.

    What it replaces is moved to ``old``, and what is ``obsolete`` in ``destination`` as well.
    """
    moved = {path.name for path in new.iterdir()}
    names = sorted(moved | set(obsolete))
    try:
        for name in names:
            if (destination / name).exists():
                os.rename(destination / name, old / name)
            if name in moved:
                os.rename(new / name, destination / name)
    except BaseException:  # including Ctrl-C
        for name in names:
            if name in moved and not (new / name).exists():
                os.rename(destination / name, new / name)
            if (old / name).exists():
                os.rename(old / name, destination / name)
        raise
