"""Loss scales over made-up sequences of overflows."""

import pytest

from open_seq2seq.lazy import tf
from open_seq2seq.optimizers.loss_scaling import Backoff, ConstantScale


def scales(params, finite):
    scaler = params.create()
    values = []
    for is_finite in finite:
        scaler.update(tf.constant(is_finite))
        values.append(float(scaler.value))
    return values


def test_constant_never_changes():
    assert scales(ConstantScale(scale=512.0), [True, False, True]) == [512.0] * 3


def test_backoff_starts_at_its_maximum_halves_and_recovers_after_the_window():
    params = Backoff(step_window=3)
    assert float(params.create().value) == 2.0**14
    assert scales(params, [False, True, True, True, True, True, True]) == [
        2.0**13, 2.0**13, 2.0**13, 2.0**14, 2.0**14, 2.0**14, 2.0**14,
    ]  # fmt: skip


def test_an_overflow_starts_the_window_again():
    params = Backoff(step_window=2, scale_max=64.0)
    assert scales(params, [False, False, True, False, True, True]) == [32.0, 16.0, 16.0, 8.0, 8.0, 16.0]


@pytest.mark.parametrize("n_overflows", [3, 50])
def test_backoff_stays_within_its_bounds(n_overflows):
    assert scales(Backoff(scale_min=1.0, scale_max=4.0), [False] * n_overflows)[-1] == 1.0
