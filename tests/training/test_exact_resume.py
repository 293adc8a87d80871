"""A run that is killed and taken up again ends as if nothing had been, to the last bit; so does the
same run again.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from open_seq2seq.cli import main
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from tests.support.forked import fork, wait
from tests.support.paths import EVENTFUL, ROOT
from tests.support.run_records import LAST_STEP, differences, read_lines, strange_steps


def start(tone_dataset, folder, *args):
    flags = [f"--config_file={EVENTFUL}", "--mode=train_eval", f"--dataset_location={tone_dataset}"]
    arguments = [*flags, f"--logdir={folder / 'logdir'}", *args]
    environment = {"STEP_LOG": str(folder / "steps"), "OMP_NUM_THREADS": "1"}
    return fork(main, arguments, output=folder / "output", environment=environment)


@pytest.fixture(scope="module")
def undisturbed(tone_dataset, tmp_path_factory):
    """A folder with the logdir of a whole run, and a line for each of its steps."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert wait(start(tone_dataset, folder), 300) == 0, (folder / "output").read_text()
    return folder


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_if_nothing_had_been(
    undisturbed, tone_dataset, tmp_path
):
    killed = start(tone_dataset, tmp_path, "--save_checkpoint_steps=5")
    while len(read_lines(tmp_path / "steps")) < 21:  # the third epoch ends with step 24
        assert wait(killed, 0.001) is None, (tmp_path / "output").read_text()
    killed.kill()
    killed.join()
    newest = checkpoints.load_newest(tmp_path / "logdir" / "checkpoints")
    assert newest.step % 8 != 0 and newest.step < LAST_STEP  # within an epoch of 8 steps
    resumed = start(tone_dataset, tmp_path, "--continue_learning")
    assert wait(resumed, 300) == 0, (tmp_path / "output").read_text()
    assert (
        f"continuing from step {newest.step}, epoch {newest.step // 8 + 1}"
        in (tmp_path / "output").read_text()
    )

    expected = read_lines(undisturbed / "steps")
    assert [line["step"] for line in expected] == list(range(1, LAST_STEP + 1))
    assert len({line["loss_scale"] for line in expected}) > 3  # it overflows and grows
    assert strange_steps(read_lines(tmp_path / "steps"), expected) == []
    assert differences(tmp_path / "logdir", undisturbed / "logdir") == []


@pytest.mark.long
def test_a_few_kills_at_random_moments_lose_nothing(tone_dataset):
    """The short form of what CONTRIBUTING.md says how to run at length."""
    command = [
        sys.executable,
        "trials/kill_test.py",
        "--kills=10",
        "--seed=1",
        f"--data={tone_dataset}",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills of " in done.stdout


def test_the_records_tell_runs_apart(undisturbed, tmp_path):
    """What the two tests above see with must not be blind."""
    steps = read_lines(undisturbed / "steps")
    assert strange_steps(steps[:7] + steps[4:], steps) == []  # taken up again from step 4
    assert strange_steps(steps[:7] + steps[8:], steps) == ["steps 8 to 8 are missing"]
    other = [*steps[:6], steps[6] | {"loss": steps[5]["loss"]}, *steps[7:]]
    assert strange_steps(other, steps) == ["step 7: loss"]
    subprocess.run(["cp", "-r", undisturbed / "logdir", tmp_path / "copy"], check=True)
    newest = checkpoints.list_checkpoints(tmp_path / "copy" / "checkpoints")[-1]
    checkpoint = checkpoints.load(newest)
    name = "encoder.dense/bias"
    changed = checkpoint.model | {name: np.nextafter(checkpoint.model[name], 1, dtype=np.float32)}
    checkpoints.save(newest.parent, checkpoint._replace(model=changed), keep=3)
    found = differences(tmp_path / "copy", undisturbed / "logdir")
    assert (
        found[-1] == f"checkpoints: model: {name}" and len(found) == 2
    )  # and the name of the folder


STEPS = (
    "--num_epochs=None",
    "--lr_policy_params/decay_steps=9",
    "--save_checkpoint_steps=2",
    "--eval_steps=3",
)


@pytest.fixture(scope="module")
def straight(run, tmp_path_factory):
    """The logdir of a whole run of tiny_config.py."""
    logdir = tmp_path_factory.mktemp("runs") / "straight"
    assert run("train_eval", logdir, *STEPS, "--max_steps=9") == 0
    return logdir


def test_the_same_seed_is_the_same_run(run, straight, tmp_path):
    assert run("train_eval", tmp_path / "again", *STEPS, "--max_steps=9") == 0
    assert differences(tmp_path / "again", straight) == []


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_run_falls_back_from_damaged_checkpoints_and_ends_as_if_nothing_had_been(
    run, straight, tmp_path
):
    assert run("train_eval", tmp_path / "run", *STEPS, "--max_steps=6") == 0
    _, fourth, sixth = checkpoints.list_checkpoints(tmp_path / "run" / "checkpoints")
    flip_a_bit(sixth / "training.npz")
    (fourth / "state.json").unlink()
    assert run("train_eval", tmp_path / "run", *STEPS, "--max_steps=9", "--continue_learning") == 0
    log = (tmp_path / "run" / "run.log").read_text()
    assert (
        f"{sixth}: corrupt, training.npz is not what was written" in log
        and f"{fourth}: corrupt" in log
    )
    assert "continuing from step 2, epoch 1" in log
    names, *others = differences(tmp_path / "run", straight)
    assert names.startswith("checkpoints: [")  # of step 4 there are two now
    assert others == ["evaluation (6, 'test')"]  # which was the end of the first part

    for path in checkpoints.list_checkpoints(tmp_path / "run" / "checkpoints"):
        flip_a_bit(path / "model.npz")
    with pytest.raises(
        UserError, match=r"all \d checkpoints are corrupt; remove the folder to start again"
    ):
        run("train_eval", tmp_path / "run", *STEPS, "--max_steps=10", "--continue_learning")


@pytest.mark.slow
def test_a_damaged_best_model_is_told_of_and_the_next_best_one_kept(run, tmp_path):
    args = ["--num_epochs=None", "--lr_policy_params/decay_steps=9", "--save_checkpoint_steps=3"]
    assert run("train_eval", tmp_path / "run", *args, "--max_steps=6") == 0
    (best,) = checkpoints.list_checkpoints(tmp_path / "run" / "best_models")
    flip_a_bit(best / "model.npz")
    assert (
        run(
            "train_eval",
            tmp_path / "run",
            *args,
            "--max_steps=7",
            "--eval_steps=1",
            "--continue_learning",
        )
        == 0
    )
    assert checkpoints.load_newest(tmp_path / "run" / "best_models").step == 7
    log = (tmp_path / "run" / "run.log").read_text()
    assert "all 1 checkpoints are corrupt" in log and "keeps the best model from here on" in log


def test_a_run_that_has_stopped_early_takes_no_further_step(run, tmp_path):
    """It may be killed between its last checkpoint and its last words."""
    stop = [
        "--eval_steps=1",
        "--early_stopping_params={'metric': 'loss', 'patience': 1, 'min_delta': 100.0}",
    ]
    assert run("train_eval", tmp_path / "run", *stop) == 0
    assert run("train_eval", tmp_path / "run", *stop, "--continue_learning") == 0
    assert checkpoints.load_newest(tmp_path / "run" / "checkpoints").step == 2
    assert (tmp_path / "run" / "run.log").read_text().count("stopped early after step 2") == 2


@pytest.mark.slow
def test_evaluations_and_saves_leave_no_file_and_no_thread_behind(run, tmp_path, after_step):
    counts = []  # epoch, open files, threads

    def count(step):
        n_files, n_threads = (len(os.listdir(f"/proc/self/{what}")) for what in ("fd", "task"))
        counts.append((step.position.epoch, n_files, n_threads))

    after_step.append(count)
    args = [
        "--num_epochs=6",
        "--eval_steps=3",
        "--save_checkpoint_steps=3",
        "--save_summaries_steps=3",
    ]
    assert run("train_eval", tmp_path / "run", *args) == 0
    for what in (1, 2):
        most = [max(count[what] for count in counts if count[0] == epoch) for epoch in range(6)]
        # a leak of one for each of the 9 evaluations or saves would show
        assert most[5] <= most[2] + 1, most


def test_every_epoch_takes_every_row_once_in_another_order_and_with_other_draws(
    run, tmp_path, after_step
):
    epochs = [{}, {}, {}]  # by row, the features that training saw

    def record(step):
        for batch, rows in zip(step.batches, step.rows, strict=True):
            for row, weight, image in zip(rows, batch.weights, batch.features, strict=True):
                if weight > 0:
                    assert int(row) not in epochs[step.position.epoch]
                    epochs[step.position.epoch][int(row)] = image.numpy()

    after_step.append(record)
    assert run("train", tmp_path / "run", "--num_epochs=3") == 0
    orders = [list(epoch) for epoch in epochs]
    assert all(sorted(order) == list(range(144)) for order in orders)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert np.mean(np.equal(orders[i], orders[j])) < 0.1
        assert all((epochs[i][row] != epochs[j][row]).any() for row in range(144))
