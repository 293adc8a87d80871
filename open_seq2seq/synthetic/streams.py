"""Independent random generators, one for each name."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random generator for ``names``, such as a clip's word, speaker and number.

    Its draws depend only on ``seed`` and ``names``, not on the order of work or the number of
    processes.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "big")])
