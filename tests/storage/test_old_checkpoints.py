"""Checkpoints of earlier formats resume, infer and fine-tune as with the code that made them.

tests/support/old_checkpoints/README.md says how they were made.
"""

import csv
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from open_seq2seq import from_pretrained

OLD = Path(__file__).parents[1] / "support" / "old_checkpoints"
CONFIG = OLD / "config.py"
OPTIONS = {
    "format1": ("--optimizer=Momentum", "--lr_policy_params/learning_rate=0.2"),
    "format2": (),
}
INFO = {"labels": "labels", "dataset_version": "dataset_version", "architecture": "blueprint"}


class OldRun(NamedTuple):
    logdir: Path  # a copy of the old run's, after step 10
    expected: Path  # what the old code made of it
    options: tuple[str, ...]  # of the old run, beside its config


@pytest.fixture(params=OPTIONS)
def old_run(request, tmp_path):
    folder = OLD / request.param
    logdir = shutil.copytree(folder / "logdir", tmp_path / "old")
    return OldRun(logdir, folder / "expected", OPTIONS[request.param])


def read_state(checkpoint):
    return json.loads((checkpoint / "state.json").read_text())


def read_metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def read_predictions(path):
    """Return the rows of a CSV file of predictions by path, relative to the folder of the label."""
    with open(path, newline="") as file:
        return {"/".join(Path(row["path"]).parts[-2:]): row for row in csv.DictReader(file)}


def read_probabilities(row):
    """Return the probabilities of a row of predictions, [labels]."""
    return np.array(
        [
            float(value)
            for name, value in row.items()
            if name not in ("path", "start", "end", "label", "probability")
        ]
    )


def assert_same(actual, expected, name=""):
    """Compare two arrays as of two CPUs.

    The kernels of another CPU add in another order, so float32 rounds differently, and six steps of
    training carry that on. With oneDNN held to SSE4.1, weights and losses moved by 4e-6 at most;
    1e-4 leaves room for kernels that were not tried. It is far below what a lost slot, average,
    seed or data position changes.
    """
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_the_checkpoints_are_of_both_formats():
    first, second = (
        read_state(OLD / name / "logdir/checkpoints/step-00000010") for name in OPTIONS
    )
    assert first["format"] == 1 and "steps_per_epoch" in first and "place" not in first
    assert second["format"] == 2 and "steps_per_epoch" not in second and second["place"] == [1, 96]


@pytest.mark.slow
@pytest.mark.parametrize(
    "old_run", [pytest.param("format1", marks=pytest.mark.long), "format2"], indirect=True
)
def test_a_resumed_run_ends_as_with_the_old_code(run, old_run):
    assert (
        run("train_eval", old_run.logdir, *old_run.options, "--continue_learning", config=CONFIG)
        == 0
    )
    # the 8th evaluation, the 7th without a new best value: those before step 10 count
    (last,) = (old_run.logdir / "checkpoints").iterdir()
    assert last.name == "step-00000016"
    for name in ("model.npz", "training.npz"):
        with np.load(last / name) as actual, np.load(old_run.expected / name) as expected:
            assert set(actual) == set(expected)
            for variable in expected:
                assert_same(actual[variable], expected[variable], variable)
    state, old_state = read_state(last), read_state(old_run.expected)
    for key in ("step", "best_top1"):
        assert state["progress"][key] == old_state[key], key
    for key, old_key in INFO.items():
        assert state["info"][key] == old_state[old_key], key
    for line, old_line in zip(
        read_metrics(old_run.logdir), read_metrics(old_run.expected), strict=True
    ):
        for key in ("top1", "top5"):
            assert_same(line[key], old_line[key], f"{key} of step {line['step']}")
        # the old code added the clips' losses in float32
        assert line["loss"] == pytest.approx(old_line["loss"], rel=1e-4, abs=1e-4)
        for key in ("mode", "step", "epoch", "dataset_version", "split", "n_clips"):
            assert line[key] == old_line[key]


@pytest.mark.parametrize(
    "old_run", ["format1", pytest.param("format2", marks=pytest.mark.long)], indirect=True
)
def test_infer_gives_the_probabilities_of_the_old_code(run, old_run, tone_dataset, tmp_path):
    expected = read_predictions(old_run.expected / "predictions.csv")
    clips, output = [str(tone_dataset / path) for path in expected], tmp_path / "predictions.csv"
    args = [*old_run.options, f"--infer_output_file={output}", *clips]
    assert run("infer", old_run.logdir, *args, config=CONFIG) == 0
    actual = read_predictions(output)
    assert list(actual) == list(expected) and len(actual) == 12
    for path, row in expected.items():
        assert actual[path]["label"] == row["label"]
        assert_same(read_probabilities(actual[path]), read_probabilities(row), path)


def test_from_pretrained_builds_the_network_without_the_config(old_run, tone_dataset):
    expected = read_predictions(old_run.expected / "predictions.csv")
    model = from_pretrained(old_run.logdir)
    predictions = model.predict([tone_dataset / path for path in expected])
    for prediction, (path, row) in zip(predictions, expected.items(), strict=True):
        rounded = np.array(
            [float(f"{value:.6f}") for value in prediction.probabilities]
        )  # as the file has them
        assert prediction.label == row["label"]
        assert_same(rounded, read_probabilities(row), path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "old_run", ["format1", pytest.param("format2", marks=pytest.mark.long)], indirect=True
)
def test_a_fine_tuned_run_begins_with_the_best_weights(run, old_run, tmp_path):
    args = [
        "--max_steps=8",  # the first ones overflow
        "--save_checkpoint_steps=8",
        "--early_stopping_params=None",
        "--ema_decay=None",
        "--lr_policy_params/learning_rate=0.0",
    ]
    args += [
        "--train_params/data_layer_params/augment_data=False",
        f"--load_model={old_run.logdir}",
    ]
    assert run("train", tmp_path / "new", *args, config=CONFIG) == 0
    # 4 kernels of convolutions, 4 arrays of each of 3 BatchNorms, kernel and bias of the last layer
    assert "load_model: 18 of 18 variables come from" in (tmp_path / "new" / "run.log").read_text()
    (best,) = (old_run.logdir / "best_models").iterdir()
    (first,) = (tmp_path / "new" / "checkpoints").iterdir()
    with np.load(first / "model.npz") as actual, np.load(best / "model.npz") as expected:
        trained = [name for name in expected if "moving" not in name and "seed" not in name]
        assert len(trained) == 12
        for name in trained:  # at a learning rate of 0 a step leaves them as they were loaded
            np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
