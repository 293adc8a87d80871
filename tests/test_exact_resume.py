"""A run that is killed and taken up again ends as if nothing had been, to the last bit; so does the same run again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from run_records import CONFIG, LAST_STEP, differences, read_lines, strange_steps

from open_seq2seq import checkpoints
from open_seq2seq.data.dataset import Dataset

ROOT = Path(__file__).parents[1]


def start(tone_dataset, folder, *args):
    flags = [f"--config_file={CONFIG}", "--mode=train_eval", f"--dataset_location={tone_dataset}"]
    environment = os.environ | {"STEP_LOG": str(folder / "steps"), "OMP_NUM_THREADS": "1"}
    with open(folder / "output", "a") as output:
        command = [sys.executable, "run.py", *flags, f"--logdir={folder / 'logdir'}", *args]
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env=environment)


@pytest.fixture(scope="module")
def undisturbed(tone_dataset, tmp_path_factory):
    """A folder with the logdir of a whole run, and a line for each of its steps."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert start(tone_dataset, folder).wait(timeout=300) == 0, (folder / "output").read_text()
    return folder


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_if_nothing_had_been(undisturbed, tone_dataset, tmp_path):
    killed = start(tone_dataset, tmp_path, "--save_checkpoint_steps=5")
    while len(read_lines(tmp_path / "steps")) < 21:  # the third epoch ends with step 24
        assert killed.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    newest = checkpoints.load_newest(tmp_path / "logdir" / "checkpoints")
    assert newest.step % 8 != 0 and newest.step < LAST_STEP  # within an epoch of 8 steps
    assert start(tone_dataset, tmp_path, "--continue_learning").wait(timeout=300) == 0, (
        tmp_path / "output"
    ).read_text()
    assert f"continuing from step {newest.step}, epoch {newest.step // 8 + 1}" in (tmp_path / "output").read_text()

    expected = read_lines(undisturbed / "steps")
    assert [line["step"] for line in expected] == list(range(1, LAST_STEP + 1))
    assert len({line["loss_scale"] for line in expected}) > 3  # it overflows and grows
    assert strange_steps(read_lines(tmp_path / "steps"), expected) == []
    again = [
        name
        for name in differences(tmp_path / "logdir", undisturbed / "logdir")
        if not name.startswith("checkpoints: [")
    ]
    assert again == []  # the checkpoints of the steps in between are others


@pytest.mark.slow
def test_a_few_kills_at_random_moments_lose_nothing(tone_dataset):
    """The short form of what CONTRIBUTING.md says how to run at length."""
    command = [sys.executable, "benchmarks/kill_test.py", "--kills=10", "--seed=1", f"--data={tone_dataset}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills of " in done.stdout


def test_the_records_tell_runs_apart(undisturbed, tmp_path):
    """What the two tests above see with must not be blind."""
    steps = read_lines(undisturbed / "steps")
    assert strange_steps(steps[:7] + steps[4:], steps) == []  # taken up again from step 4
    assert strange_steps(steps[:7] + steps[8:], steps) == ["steps 8 to 8 are left out"]
    other = [*steps[:6], steps[6] | {"loss": steps[5]["loss"]}, *steps[7:]]
    assert strange_steps(other, steps) == ["step 7: loss"]
    subprocess.run(["cp", "-r", undisturbed / "logdir", tmp_path / "copy"], check=True)
    newest = checkpoints.list_checkpoints(tmp_path / "copy" / "checkpoints")[-1]
    checkpoint = checkpoints.load(newest)
    name = "encoder.dense/bias"
    changed = checkpoint.model | {name: np.nextafter(checkpoint.model[name], 1, dtype=np.float32)}
    checkpoints.save(newest.parent, checkpoint._replace(model=changed), keep=3)
    found = differences(tmp_path / "copy", undisturbed / "logdir")
    assert found[-1] == f"checkpoints: model: {name}" and len(found) == 2  # and the name of the folder


def test_the_same_seed_is_the_same_run(run, tmp_path):
    for name in ("one", "again"):
        assert run("train_eval", tmp_path / name, "--num_epochs=1") == 0
    assert differences(tmp_path / "one", tmp_path / "again") == []


def test_every_epoch_takes_every_row_once_in_another_order_and_with_other_draws(run, tmp_path, monkeypatch):
    epochs: list[dict] = []  # by row, the features that training saw
    to_batch, batches = Dataset._to_batch, Dataset.batches

    def record_epoch(self, *args):
        if self.options.random_crop:  # the training data
            epochs.append({})
        return batches(self, *args)

    def record_rows(self, part, *args):
        batch = to_batch(self, part, *args)
        if self.options.random_crop:
            for row, weight, image in zip(part.rows, part.weights, batch.features.numpy(), strict=True):
                assert not weight or int(row) not in epochs[-1]
                epochs[-1].setdefault(int(row), image)
        return batch

    monkeypatch.setattr(Dataset, "batches", record_epoch)
    monkeypatch.setattr(Dataset, "_to_batch", record_rows)
    assert run("train", tmp_path / "run", "--num_epochs=3") == 0
    orders = [list(epoch) for epoch in epochs]
    assert len(orders) == 3 and all(sorted(order) == list(range(144)) for order in orders)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert np.mean(np.equal(orders[i], orders[j])) < 0.1
        assert all((epochs[i][row] != epochs[j][row]).any() for row in range(144))
