"""A few hundred bad inputs of every kind; benchmarks/fuzz.py runs as many as one likes."""

from __future__ import annotations

import importlib

import pytest
from fuzzing import harness

SEED = 0
N_INPUTS = {"audio": 120, "manifests": 120, "configs": 120, "tars": 60, "nemo": 80, "checkpoints": 100}


@pytest.mark.parametrize("kind", N_INPUTS)
def test_bad_inputs_are_used_rightly_or_refused_in_words(tmp_path, kind):
    fuzzer = importlib.import_module(f"fuzzing.{kind}").Fuzzer(tmp_path)
    report = harness.run(fuzzer, SEED, range(N_INPUTS[kind]))
    assert not report.failures, "\n".join(report.failures)
    # both happen, or the inputs are not what they are meant to be
    assert report.n_accepted > N_INPUTS[kind] / 20 and report.n_refused > N_INPUTS[kind] / 20
