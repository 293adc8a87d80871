"""Independent random streams, one for each named thing."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random generator that belongs to ``names`` (a clip's word, speaker and number,
    say) under ``seed``.

    It depends on nothing else, so neither the order of the work nor the number of processes changes
    what it draws.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "big")])
