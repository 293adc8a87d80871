"""Several processes: what Horovod does, and what is said where it cannot."""

import json
import signal
from importlib.util import find_spec

import numpy as np
import pytest

from open_seq2seq import distributed
from open_seq2seq.cli import main
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.replicas import check_replicas, spread_seeds
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras
from open_seq2seq.storage import checkpoints
from tests.support.forked import fork, wait
from tests.support.horovod_jobs import run_forked_job
from tests.support.paths import EVENTFUL, TINY
from tests.support.run_records import read_lines


def test_one_worker_returns_what_it_is_given():
    workers = distributed.start(None, timeout_s=120, rendezvous_timeout_s=300)
    assert workers == Workers(0, 1) and workers.is_chief
    values = [np.ones(3)]
    assert workers.average(values) is values
    assert workers.total(values[0]) is values[0]
    assert workers.broadcast_object("x") == "x"


def test_two_processes_without_horovod_would_train_two_models(monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    with pytest.raises(UserError, match="each would train a model of its own"):
        distributed.check(use_horovod=False, num_gpus=1)


def test_horovod_that_is_missing_is_named_with_the_script_that_builds_it(monkeypatch):
    monkeypatch.setattr(distributed.workers, "_is_installed", lambda: False)
    with pytest.raises(UserError, match=r"scripts/install_horovod\.sh"):
        distributed.check(use_horovod=True, num_gpus=1)
    distributed.check(use_horovod=None, num_gpus=1)


needs_horovod = pytest.mark.skipif(
    find_spec("horovod") is None,
    reason="Horovod is not installed; scripts/install_horovod.sh builds it with a C++ compiler",
)


@pytest.fixture(scope="module")
def two_ranks(tone_dataset):
    """Return a function that does what run.py does in two processes, and gives their job."""

    def run(logdir, *args, mode="train_eval", config=TINY, environment=None):
        flags = [f"--config_file={config}", f"--mode={mode}", f"--dataset_location={tone_dataset}"]
        arguments = [*flags, f"--logdir={logdir}", *args]
        return run_forked_job(2, main, arguments, environment=environment)

    return run


def metrics(logdir):
    return [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]


class OtherRanks:
    """Stands for Horovod: the other ranks have gathered some values."""

    def __init__(self, *others):
        self._others = others

    def allgather_object(self, value):
        return [value, *(value if other is None else other for other in self._others)]


def test_ranks_with_other_weights_are_named():
    variables = [np.ones(3, np.float32), np.zeros(2)]
    check_replicas(variables, Workers(), 7)
    check_replicas(variables, Workers(size=3, hvd=OtherRanks(None, None)), 7)
    with pytest.raises(
        UserError, match="after step 7 the weights of rank 1, 3 are not those of rank 0"
    ):
        check_replicas(variables, Workers(size=4, hvd=OtherRanks("?", None, "?")), 7)


def test_each_rank_has_dropout_of_its_own():
    inputs = keras.Input((1000,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5)(inputs))
    (state,) = (np.asarray(variable) for variable in model.variables)

    def dropped(rank):
        model.variables[0].assign(state)  # what every rank has of the chief
        spread_seeds(model, Workers(rank, 3))
        return np.asarray(model(np.ones((1, 1000), np.float32), training=True)) == 0

    ranks = [dropped(rank) for rank in range(3)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 0.4 < np.mean(ranks[one] == ranks[other]) < 0.6
    spread_seeds(model, Workers())
    np.testing.assert_array_equal(dropped(0), ranks[0])


DRIFTING = """

import os

from open_seq2seq.lazy import tf
from open_seq2seq.optimizers.optimizers import OPTIMIZERS, Momentum


class Drifting(Momentum):
    def create(self):
        optimizer = super().create()
        apply = optimizer.apply

        def drift(gradients, variables):
            apply(gradients, variables)
            if os.environ["HOROVOD_RANK"] == "1":
                variables[0].assign_add(tf.fill(variables[0].shape, 1e-6))

        optimizer.apply = drift
        return optimizer


OPTIMIZERS["Momentum"] = Drifting
base_params |= {"optimizer": "Momentum", "check_ranks_steps": 4}
"""


@needs_horovod
@pytest.mark.slow
@pytest.mark.horovod
def test_a_rank_that_goes_astray_stops_the_run(two_ranks, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(TINY.read_text() + DRIFTING)
    job = two_ranks(tmp_path / "run", config=config, mode="train")
    assert job.status == 2
    assert "after step 4 the weights of rank 1 are not those of rank 0" in job.output
    assert "Traceback" not in job.output


@needs_horovod
@pytest.mark.slow
@pytest.mark.horovod
def test_two_ranks_of_16_take_the_steps_of_one_rank_of_32(two_ranks, run, tmp_path):
    plain = ["--data_layer_params/augment_data=False", "--optimizer=Momentum", "--num_epochs=2"]
    job = two_ranks(tmp_path / "two", *plain, "--batch_size_per_gpu=16")
    assert job.status == 0, job.output
    assert run("train_eval", tmp_path / "one", *plain, "--batch_size_per_gpu=32") == 0
    two, one = (checkpoints.load_newest(tmp_path / name / "checkpoints") for name in ("two", "one"))
    assert two.step == one.step == 10  # 144 rows of 32 are 5 steps, the last of them half full
    for name in one.model:
        np.testing.assert_allclose(
            two.model[name], one.model[name], atol=1e-5, rtol=1e-4, err_msg=name
        )
    for first, second in zip(metrics(tmp_path / "two"), metrics(tmp_path / "one"), strict=True):
        assert (first["n_clips"], first["top1"]) == (second["n_clips"], second["top1"])
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-3)
    assert job.output.count("training: steps 0 to 10") == 1  # rank 0 alone prints


@needs_horovod
@pytest.mark.horovod
@pytest.mark.long
@pytest.mark.slow
def test_two_ranks_evaluate_as_one(two_ranks, run, tmp_path):
    """In --mode=eval; the test above compares what training evaluates."""
    logdir = tmp_path / "run"
    assert run("train_eval", logdir, "--num_epochs=1") == 0
    evaluated = metrics(logdir)
    assert two_ranks(logdir, "--batch_size_per_gpu=16", mode="eval").status == 0
    for line, same in zip(metrics(logdir)[len(evaluated) :], evaluated[-2:], strict=True):
        assert (line["split"], line["n_clips"], line["top1"]) == (
            same["split"],
            same["n_clips"],
            same["top1"],
        )


@needs_horovod
@pytest.mark.slow
@pytest.mark.horovod
def test_a_killed_run_of_two_ranks_goes_on_with_one_at_the_same_place(
    two_ranks, tone_dataset, tmp_path
):
    """The run counts every row of the epoch once, those before the kill on two ranks, those after
    it on one.
    """
    config = tmp_path / "config.py"
    config.write_text(EVENTFUL.read_text() + KILLED)
    args = ["--num_epochs=2", "--early_stopping_params=None"]
    options = {"mode": "train", "config": config}
    environment = {"STEP_LOG": str(tmp_path / "steps")}
    job = two_ranks(tmp_path / "run", *args, "--iter_size=1", **options, environment=environment)
    assert job.status == -signal.SIGKILL, job.output
    assert checkpoints.load_newest(tmp_path / "run" / "checkpoints").step == 4  # of 8 in the epoch
    two = [line for line in read_lines(tmp_path / "steps") if line["step"] <= 4]
    assert sorted(line["rank"] for line in two) == [0] * 4 + [1] * 4

    flags = [f"--config_file={EVENTFUL}", "--mode=train", f"--dataset_location={tone_dataset}"]
    arguments = [*flags, f"--logdir={tmp_path / 'run'}", *args, "--continue_learning"]
    environment = {"STEP_LOG": str(tmp_path / "rest")}
    rest = fork(main, arguments, output=tmp_path / "output", environment=environment)
    output = (tmp_path / "output").read_text
    assert wait(rest) == 0, output()
    assert (
        "had 2 processes and has one process now" in output()
        and "sums round differently" in output()
    )
    assert "continuing from step 4, epoch 1" in output()
    one = read_lines(tmp_path / "rest")
    assert [line["step"] for line in one] == list(range(5, 17))
    for epoch, lines in ((0, [*two, *one[:4]]), (1, one[4:])):
        assert {line["epoch"] for line in lines} == {epoch}
        assert sorted(row for line in lines for row in line["rows"]) == list(range(144))


KILLED = """

import signal

if "STEP_LOG" in os.environ:

    def kill(step):
        if step.step == 6:  # before the checkpoint of this step
            os.kill(os.getpid(), signal.SIGKILL)

    hooks.after_step.append(kill)
"""
