"""The number of processor cores that this process may use."""

from __future__ import annotations

import os


def n_cores() -> int:
    """Return the number of cores that this process may run on, or of all if that is unknown."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
