"""A NaN or an infinity in inputs, loss or gradients skips the step, without a trace."""

from importlib.util import find_spec

import numpy as np
import pytest

from open_seq2seq import from_pretrained
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


# each scaling with several batches to a step, and one of them with one
FEW = [case for case in non_finite.CASES if case[1] > 1 or case[0] == "Backoff"]


@pytest.mark.parametrize(
    ("scaling", "iter_size"),
    [
        pytest.param(*case, marks=[] if case in FEW else pytest.mark.long)
        for case in non_finite.CASES
    ],
)
def test_one_process(scaling, iter_size):
    non_finite.check(scaling, iter_size, Workers())


@pytest.mark.horovod
@pytest.mark.long
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


def check_end(n_skipped, n_steps, loss):
    skip(n_skipped, 100, is_finite=lambda batch: True).check_end(n_steps, loss)


def test_a_single_skipped_step_at_the_end_is_no_failure():
    check_end(0, 5, 1.0)
    check_end(1, 5, 1.0)  # of a loss scale that was too large


@pytest.mark.parametrize(
    ("n_skipped", "n_steps", "loss", "message"),
    [
        (1, 5, np.nan, "the last 1 of 5 steps were skipped"),
        (2, 5, 1.0, "the last 2 of 5 steps were skipped"),
        (5, 5, 1.0, "all of its steps were skipped"),
        (1, 1, 1.0, "all of its steps were skipped"),
    ],
)
def test_a_run_whose_last_steps_were_skipped_fails(n_skipped, n_steps, loss, message):
    with pytest.raises(UserError, match=f"ended without success: {message}") as error:
        check_end(n_skipped, n_steps, loss)
    which = "the initial weights"
    if n_skipped < n_steps:
        which = f"the weights after step {n_steps - n_skipped}"
    assert str(error.value).endswith(f"The last checkpoint is intact and has {which}")


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


DIVERGING = ["--lr_policy=fixed_lr", "--lr_policy_params={'learning_rate': 1e37}", "--num_epochs=1"]


def test_a_run_that_diverges_before_its_end_fails_also_when_it_is_resumed(run, tmp_path):
    for mode in ("--no_dir_check", "--continue_learning"):
        with pytest.raises(UserError, match=r"the last 8 of 9 steps were skipped") as error:
            run("train", tmp_path / "run", *DIVERGING, mode)
        assert error.value.exit_status == 2
        last = checkpoints.load_newest(tmp_path / "run" / "checkpoints")
        assert (last.step, last.progress.n_skipped) == (9, 8)
        assert all(np.isfinite(array).all() for array in last.model.values())


SPIKE = """


def spike(global_step):
    return float("inf") if global_step == 5 else 0.01


base_params["lr_policy"], base_params["lr_policy_params"] = spike, {}
"""


def test_weights_that_are_not_finite_are_not_saved(run, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(TINY.read_text() + SPIKE)
    args = ["--num_epochs=1", "--save_checkpoint_steps=3"]
    with pytest.raises(UserError) as error:
        run("train", tmp_path / "run", *args, config=config)
    lines = str(error.value).splitlines()
    assert lines[0] == "training diverged: NaN or infinity in 4 of 4 variables after step 6:"
    assert "earlier checkpoints are intact" in lines[-1]
    last = checkpoints.load_newest(tmp_path / "run" / "checkpoints")
    assert last.step == 3 and all(np.isfinite(array).all() for array in last.model.values())


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    """A checkpoint of a run of one step."""
    logdir = tmp_path_factory.mktemp("runs") / "run"
    assert run("train", logdir, "--num_epochs=None", "--max_steps=1") == 0
    return checkpoints.load_newest(logdir / "checkpoints")


USES = {
    "eval": ("eval",),
    "infer": ("infer",),
    "resume": ("train", "--continue_learning"),
}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("use", [*USES, "fine-tune", "from_pretrained"])
def test_a_checkpoint_that_is_not_finite_is_refused(run, saved, tmp_path, use, value):
    name = "peak_encoder.dense/kernel"
    kernel = saved.model[name].copy()
    kernel[3, 4] = value
    bad = saved._replace(model={**saved.model, name: kernel})
    checkpoints.save(tmp_path / "bad" / "checkpoints", bad, keep=1)
    with pytest.raises(UserError, match=rf"NaN or infinity in 1 of 4 variables .*:\n  {name}\n"):
        if use == "fine-tune":
            run("train", tmp_path / "new", f"--load_model={tmp_path / 'bad'}")
        elif use == "from_pretrained":
            from_pretrained(tmp_path / "bad", str(TINY))
        else:
            mode, *args = USES[use]
            run(mode, tmp_path / "bad", *args)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "bad" / "metrics.jsonl").exists()


@pytest.mark.parametrize("use", ["eval", "infer", "predict"])
def test_outputs_that_are_not_finite_are_refused(run, saved, tone_dataset, tmp_path, use):
    """Finite weights whose logits overflow: infinity minus infinity is NaN."""
    huge = {
        name: np.where(array < 0, -3e38, 3e38).astype(np.float32)
        for name, array in saved.model.items()
    }
    checkpoints.save(tmp_path / "huge" / "checkpoints", saved._replace(model=huge), keep=1)
    clip = str(next((tone_dataset / "up").glob("test*.wav")))
    output = tmp_path / "out.csv"
    if use == "eval":
        with pytest.raises(UserError, match=r"outputs are NaN or infinite for 48 of 48 clips"):
            run("eval", tmp_path / "huge")
        assert not (tmp_path / "huge" / "metrics.jsonl").exists()
    elif use == "infer":
        with pytest.raises(UserError, match=f"{clip}: the model's probabilities for it are not"):
            run("infer", tmp_path / "huge", f"--infer_output_file={output}", clip)
        assert not output.exists()
    else:
        with pytest.raises(UserError, match=f"{clip}: the model's probabilities for it are not"):
            from_pretrained(tmp_path / "huge", str(TINY)).predict([clip])
