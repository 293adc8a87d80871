"""The processor cores that this process may use, and threads for them."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor


def n_cores() -> int:
    """Return the number of cores that this process may run on, or of all if that is unknown."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def thread_pool(name: str, n_threads: int) -> ThreadPoolExecutor:
    """Return the process's pool of threads of that name and number, the same one each time."""
    return ThreadPoolExecutor(n_threads, thread_name_prefix=name)
