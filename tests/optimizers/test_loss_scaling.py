"""Loss scaling over made-up sequences of overflows."""

import numpy as np
import pytest

from open_seq2seq.lazy import tf
from open_seq2seq.optimizers.loss_scaling import Backoff, ConstantScale, LogMax


def scales(params, finite):
    scaler = params.create()
    values = []
    for is_finite in finite:
        scaler.update(tf.constant(is_finite), tf.constant(1.0))
        values.append(float(scaler.value))
    return values


def test_a_constant_scale_never_changes():
    assert scales(ConstantScale(scale=512.0), [True, False, True]) == [512.0] * 3


def test_backoff_starts_at_its_maximum_halves_and_recovers_after_the_window():
    params = Backoff(step_window=3)
    assert float(params.create().value) == 2.0**14
    assert scales(params, [False, True, True, True, True, True, True]) == [
        2.0**13, 2.0**13, 2.0**13, 2.0**14, 2.0**14, 2.0**14, 2.0**14,
    ]  # fmt: skip


def test_an_overflow_restarts_the_window():
    params = Backoff(step_window=2, scale_max=64.0)
    finite = [False, False, True, False, True, True]
    assert scales(params, finite) == [32.0, 16.0, 16.0, 8.0, 8.0, 16.0]


@pytest.mark.parametrize("n_overflows", [3, 50])
def test_backoff_stays_within_its_bounds(n_overflows):
    assert scales(Backoff(scale_min=1.0, scale_max=4.0), [False] * n_overflows)[-1] == 1.0


def test_logmax_keeps_the_largest_gradient_away_from_overflow():
    """Against the published recursions in NumPy, with one overflow in between."""
    rng = np.random.default_rng(0)
    largest = 2.0 ** rng.normal(3.0, 2.0, 60)
    largest[30] = np.inf
    scaler = LogMax().create()
    fast = slow = square = 0.0
    for step, value in enumerate(largest, start=1):
        scaler.update(tf.constant(np.isfinite(value)), tf.constant(value, tf.float32))
        log = min(np.log2(value), 16.0)  # an overflow counts as the largest number, 2^16
        fast = 0.99 * fast + 0.01 * log
        slow = 0.999 * slow + 0.001 * log
        square = 0.999 * square + 0.001 * log**2
        mean, slow_mean = fast / (1 - 0.99**step), slow / (1 - 0.999**step)
        deviation = np.sqrt(max(square / (1 - 0.999**step) - slow_mean**2, 0.0))
        expected = np.clip(2.0 ** (16.0 - mean - 3.09 * deviation), 1.0, 2.0**14)
        if step > 3:  # the deviation of the first few is the difference of two nearly equal numbers
            assert float(scaler.value) == pytest.approx(expected, rel=2e-2)


def test_logmax_survives_gradients_of_zero_and_nan():
    scaler = LogMax().create()
    for is_finite, largest in ((True, 0.0), (False, np.nan), (True, 1.0)):
        scaler.update(tf.constant(is_finite), tf.constant(largest, tf.float32))
        assert all(np.isfinite(variable.numpy()) for variable in scaler.variables)
