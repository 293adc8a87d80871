"""A signal ends a run within a step or a batch of its evaluation, and the run that goes on leaves
nothing out.
"""

import signal

import pytest

from open_seq2seq.evaluation import Evaluator
from open_seq2seq.storage import checkpoints
from tests.support.run_records import evaluations

STEPS_PER_EPOCH = 9
ARGS = ("--num_epochs=3", "--eval_params/batch_size_per_gpu=16", "--print_loss_steps=None")


def newest(logdir):
    return checkpoints.load_newest(logdir / "checkpoints")


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("undisturbed") / "run"
    assert run("train_eval", logdir, *ARGS) == 0
    return logdir


@pytest.fixture
def signal_in_step(after_step):
    """The second epoch's last step but one gets a signal just before its end."""

    def disturb(step):
        if step.step == 2 * STEPS_PER_EPOCH - 1:
            signal.raise_signal(signal.SIGTERM)

    after_step.append(disturb)


@pytest.fixture
def signal_in_evaluation(monkeypatch):
    """The second evaluation gets a signal before its second of three batches."""
    evaluate = Evaluator.evaluate
    asked = []

    def evaluate_until(self, dataset, batch_size, should_stop):
        def disturbed():
            asked.append(self)
            if len(asked) == 5:
                signal.raise_signal(signal.SIGTERM)
            return should_stop()

        return evaluate(self, dataset, batch_size, disturbed)

    monkeypatch.setattr(Evaluator, "evaluate", evaluate_until)
    return asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [pytest.param("signal_in_step", marks=pytest.mark.long), "signal_in_evaluation"],
)
def test_the_evaluation_that_a_signal_came_before_is_made_up_for(
    moment, run, undisturbed, tmp_path, request, monkeypatch
):
    asked = request.getfixturevalue(moment)
    assert run("train_eval", tmp_path / "run", *ARGS) == 128 + signal.SIGTERM
    assert asked is None or len(asked) == 5  # its third batch was not taken
    stopped = newest(tmp_path / "run")
    assert stopped.step == 2 * STEPS_PER_EPOCH and stopped.progress.is_evaluation_due
    assert [step for step, _ in evaluations(tmp_path / "run")] == [STEPS_PER_EPOCH]
    monkeypatch.undo()

    assert run("train_eval", tmp_path / "run", *ARGS, "--continue_learning") == 0
    assert evaluations(tmp_path / "run") == evaluations(undisturbed)
    ours, expected = newest(tmp_path / "run"), newest(undisturbed)
    assert ours.progress == expected.progress and ours.info == expected.info
    for part, same in ((ours.model, expected.model), (ours.training, expected.training)):
        assert {name: value.tobytes() for name, value in part.items()} == {
            name: value.tobytes() for name, value in same.items()
        }
