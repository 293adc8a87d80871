"""Where a run resumes, with steps of the same and of another size."""

import pytest

from open_seq2seq.data.sampler import DataPosition, Sampler
from open_seq2seq.storage.progress import Progress
from open_seq2seq.training.run_state import resumed
from open_seq2seq.training.schedule import Schedule


def resume(progress, sampler, n_epochs=10):
    n_steps = 1000
    if n_epochs is not None:
        n_steps = n_epochs * sampler.steps_per_epoch
    after = resumed(progress, sampler, Schedule(sampler.steps_per_epoch, n_steps), n_epochs)
    return after.step, after.position


def progress_after(sampler, n_steps):
    position = DataPosition()
    for _ in range(n_steps):
        position = sampler.after_step(position)
    return Progress(
        step=n_steps,
        epoch=position.epoch,
        row=position.row,
        n_rows=sampler.n_rows,
        rows_per_step=sampler.rows_per_step,
        n_processes=sampler.size,
    )


def test_the_same_steps_continue_where_they_were(caplog):
    sampler = Sampler(100, 16)  # 7 steps an epoch
    progress = progress_after(sampler, 17)
    assert progress.position == (2, 48) and progress.epochs_done == 2.48
    assert resume(progress, sampler) == (17, (2, 48))
    assert not caplog.messages


@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_other_steps_continue_at_the_same_position_and_end_with_the_run(batch_size, caplog):
    progress = progress_after(Sampler(100, 16), 17)
    sampler = Sampler(100, batch_size)
    step, position = resume(progress, sampler)
    assert position == progress.position
    (line,) = caplog.messages
    assert f"a step was 16 clips and is {batch_size} now" in line and f"is step {step} now" in line
    for _ in range(step, 10 * sampler.steps_per_epoch):
        position = sampler.after_step(position)
    assert position == DataPosition(10)
    # a run whose length is in steps keeps its step
    assert resume(progress, sampler, n_epochs=None) == (17, progress.position)


def test_other_processes_that_share_the_same_steps_are_named(caplog):
    progress = progress_after(Sampler(100, 8, size=2), 17)
    assert resume(progress, Sampler(100, 16)) == (17, progress.position)
    (line,) = caplog.messages
    assert "had 2 processes and has one process now" in line and "sums round differently" in line


def test_other_data_is_named(caplog):
    progress = progress_after(Sampler(100, 16), 5)
    step, position = resume(progress, Sampler(40, 16))
    assert position == (0, 39) and "the data had 100 rows and has 40 now" in caplog.messages[0]
    assert step == 2  # of 3 in the epoch


@pytest.mark.parametrize("n_rows", [110, 112, 120])
def test_more_rows_are_named_and_not_taken_for_other_steps(n_rows, caplog):
    """One epoch of 7 steps is done and 48 rows of the second one; 9 epochs follow."""
    sampler = Sampler(n_rows, 16)
    step, position = resume(progress_after(Sampler(100, 16), 10), sampler)
    assert position == (1, 48)
    # the steps of ten epochs without those that are left: of the second epoch, and of eight
    per_epoch = -(-n_rows // 16)
    assert step == 10 * per_epoch - (-(-(n_rows - 48) // 16) + 8 * per_epoch)
    (line,) = caplog.messages
    assert line.startswith(
        f"the data had 100 rows and has {n_rows} now: the run continues at the same data position"
    )
    assert "a step was" not in line and "round" not in line
    assert ("which is step 11 now and was step 10" in line) == (n_rows == 120)


def test_a_position_beyond_the_end_of_fewer_rows_is_not_called_the_same(caplog):
    resume(progress_after(Sampler(100, 16), 5), Sampler(40, 8))
    (line,) = caplog.messages
    assert line.startswith(
        "the data had 100 rows and has 40 now and a step was 16 clips and is 8 now: "
        "the run continues with the last row of epoch 1,"
    )


def test_the_first_format_counted_the_position_in_steps(caplog):
    """17 steps of 7 an epoch are 2 epochs and 3 steps, of 16 rows each."""
    progress = Progress(step=17, epoch=2, row=3, n_rows=7)
    assert progress.epochs_done == pytest.approx(2 + 3 / 7)
    assert resume(progress, Sampler(100, 16)) == (17, (2, 48))
    assert not caplog.messages
