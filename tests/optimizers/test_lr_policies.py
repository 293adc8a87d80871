"""Learning rates against their closed forms."""

import math

import pytest

from open_seq2seq.optimizers.lr_policies import cosine_decay, exp_decay, fixed_lr, piecewise_constant, poly_decay


def test_fixed():
    assert [fixed_lr(step, 0.3) for step in (0, 10, 10**6)] == [0.3] * 3


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_poly_decay(power):
    for step in (0, 25, 99, 100, 500):
        expected = (0.2 - 0.01) * (1 - min(step, 100) / 100) ** power + 0.01
        assert poly_decay(step, 0.2, 100, power, min_lr=0.01) == pytest.approx(expected)


def test_decay_begins_late():
    assert poly_decay(50, 1.0, 100, begin_decay_at=50) == 1.0
    assert poly_decay(100, 1.0, 100, begin_decay_at=50) == pytest.approx(0.5)


def test_cosine_decay():
    for step in (0, 33, 100, 200):
        expected = 0.1 + 0.9 * (1 + math.cos(math.pi * min(step, 100) / 100)) / 2
        assert cosine_decay(step, 1.0, 100, min_lr=0.1) == pytest.approx(expected)


def test_exp_decay_smooth_and_in_steps():
    assert exp_decay(25, 0.1, 10, 0.5) == pytest.approx(0.1 * 0.5**2.5)
    assert exp_decay(25, 0.1, 10, 0.5, use_staircase_decay=True) == pytest.approx(0.1 * 0.5**2)
    assert exp_decay(10**5, 0.1, 10, 0.5, min_lr=0.02) == 0.02


def test_piecewise_constant_in_epochs_and_in_steps():
    in_epochs = [piecewise_constant(step, 1.0, [2, 4], [0.1, 0.01], steps_per_epoch=10) for step in (19, 20, 39, 40)]
    assert in_epochs == [1.0, 0.1, 0.1, 0.01]
    assert [piecewise_constant(step, 1.0, [2, 4], [0.1, 0.01]) for step in (1, 2, 4)] == [1.0, 0.1, 0.01]


def test_warmup_climbs_in_a_straight_line():
    assert [fixed_lr(step, 1.0, warmup_steps=4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert poly_decay(1, 1.0, 10, warmup_steps=4) == pytest.approx(0.9 * 0.5)
