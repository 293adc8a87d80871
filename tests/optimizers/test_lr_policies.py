"""Learning rates against their closed forms."""

import functools
import math

import numpy as np
import pytest

from open_seq2seq.optimizers.lr_policies import (
    cosine_decay,
    exp_decay,
    fixed_lr,
    inv_poly_decay,
    piecewise_constant,
    poly_decay,
    transformer_policy,
    warmup_cosine_decay,
    warmup_hold_decay,
)
from open_seq2seq.training.schedule import Schedule
from tests.support import parity


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


def test_exp_decay_smooth_and_as_a_staircase():
    assert exp_decay(25, 0.1, 10, 0.5) == pytest.approx(0.1 * 0.5**2.5)
    assert exp_decay(25, 0.1, 10, 0.5, use_staircase_decay=True) == pytest.approx(0.1 * 0.5**2)
    assert exp_decay(10**5, 0.1, 10, 0.5, min_lr=0.02) == 0.02


def test_piecewise_constant_in_epochs_and_in_steps():
    in_epochs = [
        piecewise_constant(step, 1.0, [2, 4], [0.1, 0.01], steps_per_epoch=10)
        for step in (19, 20, 39, 40)
    ]
    assert in_epochs == [1.0, 0.1, 0.1, 0.01]
    in_steps = [piecewise_constant(step, 1.0, [2, 4], [0.1, 0.01]) for step in (1, 2, 4)]
    assert in_steps == [1.0, 0.1, 0.01]


def test_warmup_is_linear_and_the_decay_begins_after_it():
    warmup = [fixed_lr(step, 1.0, warmup_steps=4) for step in range(6)]
    assert warmup == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    decay = [poly_decay(step, 1.0, 10, warmup_steps=4) for step in (1, 4, 9, 14)]
    assert decay == [0.25, 1.0, 0.5, 0.0]
    assert cosine_decay(9, 1.0, 10, warmup_steps=4) == pytest.approx(0.5)
    assert exp_decay(9, 1.0, 5, 0.5, warmup_steps=4) == pytest.approx(0.5)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_inv_poly_decay_reaches_its_minimum_after_decay_steps(power):
    assert inv_poly_decay(0, 0.5, 100, 0.01, power) == 0.5
    assert inv_poly_decay(100, 0.5, 100, 0.01, power) == pytest.approx(0.01)
    scale = (0.5 / 0.01) ** (1 / power) - 1
    assert inv_poly_decay(30, 0.5, 100, 0.01, power) == pytest.approx(
        0.5 / (1 + scale * 0.3) ** power
    )


def test_transformer_policy():
    for step in (0, 50, 99, 5000):
        expected = 2.0 * 512**-0.5 * min((step + 1) ** -0.5, (step + 1) * 100**-1.5)
        assert transformer_policy(step, 2.0, d_model=512, warmup_steps=100) == pytest.approx(
            expected
        )
    assert transformer_policy(99, 2.0, d_model=512, warmup_steps=100, max_lr=1e-3) == 1e-3


@pytest.mark.parametrize("total", [20, 1320, 2640])
def test_warmup_hold_decay_matches_nemos(total):
    nemos = parity.load("novograd.npz")[0][f"lr_curve_{total}"]
    rates = [
        warmup_hold_decay(step, 0.05, total, 0.05, 0.45, 2.0, min_lr=0.001) for step in range(total)
    ]
    np.testing.assert_allclose(rates, nemos, rtol=1e-6)


def test_warmup_cosine_decay_matches_bc_resnets():
    per_epoch, total, top = 100, 20_000, 0.1
    for step in (0, 1, 250, 499):
        assert warmup_cosine_decay(step, top, total, per_epoch) == pytest.approx(top * step / 500)
    for step in (500, 501, 10_000, 19_999):
        expected = 0.5 * top * (1 + math.cos(math.pi * (step - 500) / (total - 500)))
        assert warmup_cosine_decay(step, top, total, per_epoch) == pytest.approx(expected)
    # a run shorter than the warm-up spends half of its steps on the decay
    assert warmup_cosine_decay(5, top, 10, per_epoch) == top
    assert warmup_cosine_decay(9, top, 10, per_epoch) == pytest.approx(
        0.5 * top * (1 + math.cos(0.8 * math.pi))
    )


def test_a_decay_ends_with_the_run_by_default():
    policy = functools.partial(poly_decay, learning_rate=1.0, warmup_steps=20, power=1.0)
    rate = Schedule(steps_per_epoch=10, total=100).learning_rate(policy)
    assert [rate(step) for step in (10, 20, 60)] == pytest.approx([0.5, 1.0, 0.5])
    assert rate(99) == pytest.approx(1 / 80)
