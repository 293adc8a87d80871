"""Reference arrays computed with OpenSeq2Seq and NeMo, and the weights that they used."""

import json
import os
import zlib
from math import prod, sqrt
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import ROOT

FOLDER = Path(os.environ.get("PARITY_ARRAYS", ROOT.parent / "shared" / "parity"))


def load(name):
    """Return the arrays of a file and its metadata; skip the test if there is no such file."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no parity arrays at {path}; set PARITY_ARRAYS to their folder")
    arrays = np.load(path)
    return arrays, json.loads(str(arrays["meta"]))


def original_weight(name, shape, kind):
    """Return the weight of a variable in the reference network, generated from its name."""
    random = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    if kind == "var":
        values = random.uniform(0.5, 1.5, shape)
    elif kind == "kernel_tf":
        values = random.standard_normal(shape) * sqrt(2 / prod(shape[:-1]))
    elif kind == "gamma":
        values = 1 + 0.1 * random.standard_normal(shape)
    else:
        values = 0.1 * random.standard_normal(shape)
    return values.astype(np.float32)


def assert_close_to_largest(values, expected, tolerance=1e-5):
    """Assert that the errors are small relative to the largest value, as in sums of many terms."""
    assert values.shape == expected.shape
    assert np.abs(values - expected).max() <= tolerance * np.abs(expected).max()
