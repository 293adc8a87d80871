"""A NaN or an infinity in inputs, loss or gradients skips the step, without a trace."""

from importlib.util import find_spec

import numpy as np
import pytest

from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from open_seq2seq.training.skipped_steps import SkippedSteps
from tests.support import non_finite
from tests.support.horovod_jobs import run_forked_job
from tests.support.paths import TINY
from tests.support.tiny_config import base_params

BATCH = non_finite.make_batch(np.random.default_rng(0))
ROWS = np.arange(non_finite.N_CLIPS)[None] + 10
PATHS = [f"clip{row}.wav" for row in range(20)]


@pytest.mark.parametrize(("scaling", "iter_size"), non_finite.CASES)
def test_one_process(scaling, iter_size):
    non_finite.check(scaling, iter_size, Workers())


@pytest.mark.horovod
@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("horovod") is None, reason="Horovod is not installed; see scripts/install_horovod.sh"
)
def test_two_processes_of_which_one_has_the_bad_clip():
    job = run_forked_job(2, non_finite.check_all)
    assert job.status == 0, job.output
    assert job.output.count(f"{len(non_finite.CASES)} cases are as they should be") == 2


def skip(n, limit=3, *, is_finite, workers=None):
    steps = SkippedSteps(limit, PATHS, is_finite, workers or Workers())
    for step in range(1, n + 1):
        steps.count(step, True, (BATCH,), ROWS)
    return steps


def test_as_many_in_a_row_as_allowed_and_not_fewer_end_the_run():
    steps = skip(2, is_finite=lambda batch: True)
    steps.count(3, False, (BATCH,), ROWS)
    steps.count(4, True, (BATCH,), ROWS)
    steps.count(5, True, (BATCH,), ROWS)
    with pytest.raises(
        UserError,
        match=r"the last 3 steps were not finite\. No clip of step 4 is to blame by itself",
    ):
        steps.count(6, True, (BATCH,), ROWS)


def test_the_clips_to_blame_are_those_of_the_first_skipped_step():
    marked = BATCH._replace(lengths=np.array([1, 1, 7, 1]))
    steps = SkippedSteps(2, PATHS, lambda batch: batch.lengths[0] != 7, Workers())
    steps.count(1, True, (marked,), ROWS)
    with pytest.raises(
        UserError, match=r"those of step 1, with these clips: clip12\.wav; look at them"
    ):
        steps.count(2, True, (BATCH,), ROWS - 10)


def test_rows_that_only_fill_a_step_are_not_blamed():
    marked = BATCH._replace(
        lengths=np.array([1, 1, 7, 1]), weights=np.array([1, 1, 0, 1], np.float32)
    )
    steps = SkippedSteps(1, PATHS, lambda batch: batch.lengths[0] != 7, Workers())
    with pytest.raises(UserError, match="No clip of step 1"):
        steps.count(1, True, (marked,), ROWS)


def test_when_most_clips_are_bad_it_is_not_the_clips():
    with pytest.raises(
        UserError,
        match=r"4 of the 4 clips of step 1 give such gradients, clip10\.wav is the first: lower",
    ):
        skip(1, 1, is_finite=lambda batch: False)


def test_clips_of_other_processes_are_named_too():
    class Horovod:
        def allgather_object(self, value):
            return [value, (["elsewhere.wav"], 4)]

    with pytest.raises(UserError, match=r"these clips: elsewhere\.wav;"):
        skip(1, 1, is_finite=lambda batch: True, workers=Workers(0, 2, hvd=Horovod()))


POISONED = """

from open_seq2seq.lazy import tf


class Poisoned(CrossEntropyLoss):
    def __call__(self, logits, batch, *, training=False):
        losses = super().__call__(logits, batch, training=training)
        return tf.where(tf.equal(batch.labels, {label}), float("nan"), losses)


base_params["loss"] = Poisoned
"""


def test_a_run_names_the_clips_that_give_no_number(run, tmp_path, capsys):
    label = 5
    config = tmp_path / "config.py"
    config.write_text(TINY.read_text() + POISONED.format(label=label))
    with pytest.raises(UserError) as caught:
        run("train", tmp_path / "run", "--max_skipped_steps=4", config=config)
    message = str(caught.value)
    assert (
        "the gradients of the last 4 steps were not finite. The first were those of step "
        in message
    )
    named = message.split("these clips: ")[1].split(";")[0].split(", ")
    assert 1 <= len(named) <= base_params["batch_size_per_gpu"]
    assert all(f"/{LABELS['v2-12'][label]}/" in path for path in named)
    assert checkpoints.load_newest(tmp_path / "run" / "checkpoints") is None
