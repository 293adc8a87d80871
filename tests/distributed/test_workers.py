"""Several processes: what Horovod does, and what is said where it cannot."""

import json
import os
import subprocess
import sys
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
from tests.support.paths import EVENTFUL, ROOT, TINY
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


@pytest.fixture(scope="module")
def horovodrun(tone_dataset):
    if find_spec("horovod") is None:
        pytest.skip(
            "Horovod is not installed; scripts/install_horovod.sh builds it with a C++ compiler"
        )

    def run(
        n_processes,
        logdir,
        *args,
        mode="train_eval",
        config=TINY,
        succeeds=True,
        environment=os.environ,
    ):
        launcher = [
            sys.executable,
            "-m",
            "horovod.runner.launch",
            "-np",
            str(n_processes),
            sys.executable,
        ]
        flags = [
            f"--config_file={config}",
            f"--mode={mode}",
            f"--dataset_location={tone_dataset}",
            f"--logdir={logdir}",
        ]
        environment = environment | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*launcher, "run.py", *flags, *args],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout if succeeds else done.stdout + done.stderr

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


@pytest.mark.horovod
@pytest.mark.slow
def test_a_rank_that_goes_astray_stops_the_run(horovodrun, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(TINY.read_text() + DRIFTING)
    out = horovodrun(2, tmp_path / "run", config=config, mode="train", succeeds=False)
    assert "after step 4 the weights of rank 1 are not those of rank 0" in out
    assert "training.py" not in out  # no traceback of ours; the launcher adds its own


@pytest.mark.horovod
@pytest.mark.slow
def test_two_ranks_of_16_take_the_steps_of_one_rank_of_32(horovodrun, tone_dataset, tmp_path):
    plain = ["--data_layer_params/augment_data=False", "--optimizer=Momentum", "--num_epochs=3"]
    out = horovodrun(2, tmp_path / "two", *plain, "--batch_size_per_gpu=16")
    flags = [f"--config_file={TINY}", "--mode=train_eval", f"--dataset_location={tone_dataset}"]
    assert main([*flags, f"--logdir={tmp_path / 'one'}", *plain, "--batch_size_per_gpu=32"]) == 0
    two, one = (checkpoints.load_newest(tmp_path / name / "checkpoints") for name in ("two", "one"))
    assert two.step == one.step == 15  # 144 rows of 32 are 5 steps, the last of them half full
    for name in one.model:
        np.testing.assert_allclose(
            two.model[name], one.model[name], atol=1e-5, rtol=1e-4, err_msg=name
        )
    for first, second in zip(metrics(tmp_path / "two"), metrics(tmp_path / "one"), strict=True):
        assert (first["n_clips"], first["top1"]) == (second["n_clips"], second["top1"])
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-3)
    assert out.count("training: steps 0 to 15") == 1  # rank 0 alone prints

    evaluated = metrics(tmp_path / "two")
    horovodrun(2, tmp_path / "two", "--batch_size_per_gpu=16", mode="eval")
    for line, same in zip(metrics(tmp_path / "two")[len(evaluated) :], evaluated[-2:], strict=True):
        assert (line["split"], line["n_clips"], line["top1"]) == (
            same["split"],
            same["n_clips"],
            same["top1"],
        )


@pytest.mark.horovod
@pytest.mark.slow
def test_a_killed_run_of_two_ranks_goes_on_with_one_at_the_same_place(
    horovodrun, tone_dataset, tmp_path
):
    """The run counts every row of the epoch once, those before the kill on two ranks, those after
    it on one.
    """
    config = tmp_path / "config.py"
    config.write_text(EVENTFUL.read_text() + KILLED)
    environment = os.environ | {"STEP_LOG": str(tmp_path / "steps")}
    args = ["--num_epochs=2", "--early_stopping_params=None"]
    two_ranks = {"mode": "train", "config": config, "environment": environment}
    horovodrun(2, tmp_path / "run", *args, "--iter_size=1", succeeds=False, **two_ranks)
    assert checkpoints.load_newest(tmp_path / "run" / "checkpoints").step == 4  # of 8 in the epoch
    two = [line for line in read_lines(tmp_path / "steps") if line["step"] <= 4]
    assert sorted(line["rank"] for line in two) == [0] * 4 + [1] * 4

    flags = [f"--config_file={EVENTFUL}", "--mode=train", f"--dataset_location={tone_dataset}"]
    command = [
        sys.executable,
        "run.py",
        *flags,
        f"--logdir={tmp_path / 'run'}",
        *args,
        "--continue_learning",
    ]
    environment["STEP_LOG"] = str(tmp_path / "rest")
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "had 2 processes and has one process now" in done.stdout
        and "sums round differently" in done.stdout
    )
    assert "continuing from step 4, epoch 1" in done.stdout
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
