from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from open_seq2seq.data.sampler import DataPosition, Plan, Sampler

few = settings(max_examples=60, deadline=None)
shapes = given(
    n_rows=st.integers(1, 200),
    batch_size=st.integers(1, 9),
    iter_size=st.integers(1, 3),
    size=st.integers(1, 5),
)


def plans_of_all(n_rows: int, batch_size: int, iter_size: int, size: int, **training) -> list[Plan]:
    samplers = [Sampler(n_rows, batch_size, iter_size, rank, size) for rank in range(size)]
    return [
        s.for_training(shuffle=True, **training) if training else s.in_order() for s in samplers
    ]


@few
@shapes
def test_every_row_counts_once(n_rows, batch_size, iter_size, size):
    for training in ({}, {"seed": 1, "epoch": 2}):
        plans = plans_of_all(n_rows, batch_size, iter_size, size, **training)
        counted = np.concatenate([plan.rows[plan.weights > 0] for plan in plans])
        np.testing.assert_array_equal(np.sort(counted), np.arange(n_rows))


@few
@shapes
def test_all_workers_run_the_same_steps(n_rows, batch_size, iter_size, size):
    n_steps = int(np.ceil(n_rows / (batch_size * iter_size * size)))
    for plan in plans_of_all(n_rows, batch_size, iter_size, size):
        assert plan.rows.shape == plan.weights.shape == (n_steps, iter_size, batch_size)
        assert (
            (plan.rows >= 0) & (plan.rows < n_rows)
        ).all()  # rows that only fill are real ones, too
        assert plan.weights.dtype == np.float32
    assert Sampler(n_rows, batch_size, iter_size, 0, size).steps_per_epoch == n_steps


@few
@shapes
def test_training_weights_make_the_mean_of_the_real_rows(n_rows, batch_size, iter_size, size):
    losses = np.random.default_rng(n_rows).random(n_rows)
    plans = plans_of_all(n_rows, batch_size, iter_size, size, seed=0, epoch=0)
    rows = np.stack([plan.rows for plan in plans])  # [rank, steps, iterations, batch]
    weights = np.stack([plan.weights for plan in plans])
    # what training does: the mean over a batch, then over iterations, then over workers
    step_losses = (weights * losses[rows]).mean(axis=3).mean(axis=2).mean(axis=0)
    for step, loss in enumerate(step_losses):
        real = losses[rows[:, step][weights[:, step] > 0]]
        np.testing.assert_allclose(loss, real.mean(), rtol=1e-6)


@few
@shapes
def test_evaluation_weights_are_one_and_zero_in_file_order(n_rows, batch_size, iter_size, size):
    plans = plans_of_all(n_rows, batch_size, iter_size, size)
    weights = np.stack([plan.weights for plan in plans], axis=2).reshape(
        -1
    )  # steps, iterations, ranks, batch
    rows = np.stack([plan.rows for plan in plans], axis=2).reshape(-1)
    np.testing.assert_array_equal(weights, np.arange(len(weights)) < n_rows)
    np.testing.assert_array_equal(rows[:n_rows], np.arange(n_rows))


def test_a_step_has_the_same_rows_however_it_is_shared():
    def rows_of_steps(batch_size: int, iter_size: int, size: int) -> list[list[int]]:
        plans = plans_of_all(1000, batch_size, iter_size, size, seed=5, epoch=1)
        return np.sort(
            np.concatenate([plan.rows.reshape(len(plan.rows), -1) for plan in plans], axis=1)
        ).tolist()

    expected = rows_of_steps(32, 1, 1)
    assert rows_of_steps(16, 1, 2) == rows_of_steps(16, 2, 1) == rows_of_steps(4, 2, 4) == expected


@few
@shapes
def test_a_run_of_steps_of_one_size_goes_on_as_if_it_had_not_stopped(
    n_rows, batch_size, iter_size, size
):
    sampler = Sampler(n_rows, batch_size, iter_size, size - 1, size)
    plan = sampler.for_training(3, 1, shuffle=True)
    position = DataPosition(1)
    for step in range(len(plan.rows)):
        rest = sampler.for_training(3, 1, shuffle=True, first_row=position.row)
        np.testing.assert_array_equal(rest.rows, plan.rows[step:])
        np.testing.assert_array_equal(rest.weights, plan.weights[step:])
        assert (
            sampler.steps_left(position, n_epochs=3)
            == len(plan.rows) - step + sampler.steps_per_epoch
        )
        position = sampler.after_step(position)
    assert position == DataPosition(2)


@few
@given(
    n_rows=st.integers(1, 200),
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=6),
    n_steps=st.integers(1, 4),
)
def test_every_row_counts_once_however_often_the_workers_change(n_rows, sizes, n_steps):
    position, counted = DataPosition(), []
    while position.epoch == 0:
        batch_size, size = sizes[len(counted) % len(sizes)]
        samplers = [Sampler(n_rows, batch_size, 1, rank, size) for rank in range(size)]
        plans = [s.for_training(1, 0, shuffle=True, first_row=position.row) for s in samplers]
        taken = min(n_steps, len(plans[0].rows))
        counted.append(
            np.concatenate([plan.rows[:taken][plan.weights[:taken] > 0] for plan in plans])
        )
        for _ in range(taken):
            position = samplers[0].after_step(position)
    np.testing.assert_array_equal(np.sort(np.concatenate(counted)), np.arange(n_rows))


def test_order_follows_from_seed_and_epoch():
    sampler = Sampler(n_rows=500, batch_size=10)

    def order(seed: int, epoch: int) -> list[int]:
        return sampler.for_training(seed, epoch, shuffle=True).rows.reshape(-1).tolist()

    assert order(0, 0) == order(0, 0)
    orders = [tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len({*orders, tuple(range(500))}) == 5
    assert sampler.for_training(0, 3, shuffle=False).rows.reshape(-1).tolist() == list(range(500))


def test_more_workers_than_rows():
    plans = plans_of_all(2, 1, 1, 4, seed=0, epoch=0)
    assert sorted(plan.weights.item() for plan in plans) == [0, 0, 2, 2]
