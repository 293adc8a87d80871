"""Where a run goes on, with steps of the same and of another size."""

import pytest

from open_seq2seq.data.sampler import Place, Sampler
from open_seq2seq.training import resuming
from open_seq2seq.training.schedule import Schedule


def take_up(state, sampler, n_epochs=10):
    said = []
    schedule = Schedule(
        sampler.steps_per_epoch, n_epochs * sampler.steps_per_epoch if n_epochs else 1000
    )
    return *resuming.take_up(state, sampler, schedule, n_epochs, said.append), said


def state_after(sampler, n_steps):
    place = Place()
    for _ in range(n_steps):
        place = sampler.after_step(place)
    return {"step": n_steps, **resuming.describe(place, sampler)}, place


def test_the_same_steps_go_on_where_they_were():
    sampler = Sampler(100, 16)  # 7 steps an epoch
    state, place = state_after(sampler, 17)
    assert place == (2, 48) and state["epoch"] == 2.48
    assert take_up(state, sampler) == (17, place, [])


@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_other_steps_go_on_at_the_same_place_and_end_with_the_run(batch_size):
    state, place = state_after(Sampler(100, 16), 17)
    sampler = Sampler(100, batch_size)
    step, found, said = take_up(state, sampler)
    assert found == place
    assert (
        f"a step was 16 clips and is {batch_size} now" in said[0]
        and f"is step {step} now" in said[0]
    )
    for _ in range(step, 10 * sampler.steps_per_epoch):
        found = sampler.after_step(found)
    assert found == Place(10)
    # a run that is as many steps long keeps its step
    assert take_up(state, sampler, n_epochs=None)[:2] == (17, place)


def test_other_processes_that_share_the_same_steps_are_told_of():
    state, place = state_after(Sampler(100, 8, size=2), 17)
    step, found, said = take_up(state, Sampler(100, 16))
    assert (step, found) == (17, place)
    (line,) = said
    assert "had 2 processes and has one process now" in line and "sums round differently" in line
    del state["n_processes"]  # a checkpoint from before that was kept
    assert take_up(state, Sampler(100, 16)) == (17, place, [])


def test_other_data_is_told_of():
    state, _ = state_after(Sampler(100, 16), 5)
    step, place, said = take_up(state, Sampler(40, 16))
    assert place == (0, 39) and "the data had 100 rows and has 40 now" in said[0]
    assert step == 2  # of 3 in the epoch


def test_checkpoints_of_the_first_version_are_taken_up():
    assert take_up({"step": 17, "steps_per_epoch": 7}, Sampler(100, 16)) == (17, Place(2, 48), [])
