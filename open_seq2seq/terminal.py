"""What is printed where nothing can be printed any more: a run goes on without its terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


def complain(line: str) -> None:
    """Print a line to stderr; where that cannot take it, there is nobody left to tell."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def give_up(stream: TextIO) -> None:
    """Let a stream that cannot be written, a log file on a full disk perhaps, lead nowhere from now on.

    What waits in its buffer would fail at every further line, and once more at the end, where Python would change the
    exit status for it.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def settle() -> None:
    """Write what waits in the buffers of stdout and stderr, or give it up."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            give_up(stream)
