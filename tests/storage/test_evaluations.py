"""What a run records of each clip of its final evaluations."""

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq.errors import UserError
from open_seq2seq.storage import evaluations
from tests.support.paths import TINY


@pytest.fixture(scope="module")
def logdir(made_once, run):
    def train(folder):
        run("train_eval", folder / "run", "--num_epochs=2", "--restore_best_checkpoint=True")

    return made_once("evaluated", train) / "run"


def metrics_of(logdir, split):
    lines = [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["split"] == split][-1]


@pytest.mark.slow
@pytest.mark.parametrize("split", ["val", "test"])
def test_rows_are_what_the_model_says_of_each_clip(logdir, tone_dataset, split):
    saved, clips = evaluations.load(logdir, split)
    with open(tone_dataset / f"v2-12-{split}.csv") as file:
        rows = list(csv.DictReader(file))
    labels = (tone_dataset / "v2-12-labels.txt").read_text().split()
    assert list(clips["path"]) == [str(tone_dataset / row["path"]) for row in rows]
    assert list(clips["label"]) == [labels[int(row["label"])] for row in rows]
    # another way to the same model: without a dataset, without an evaluator
    heard = open_seq2seq.from_pretrained(logdir, TINY).predict(list(clips["path"]))
    assert list(clips["prediction"]) == [each.label for each in heard]
    np.testing.assert_allclose(
        clips["probability"], [each.probabilities.max() for each in heard], atol=1e-4
    )
    of_label = [
        each.probabilities[labels.index(label)]
        for each, label in zip(heard, clips["label"], strict=True)
    ]
    np.testing.assert_allclose(clips["label_probability"], of_label, atol=1e-4)
    np.testing.assert_allclose(clips["loss"], -np.log(of_label), rtol=1e-3, atol=1e-4)
    lengths = [soundfile.info(path).duration for path in clips["path"]]
    np.testing.assert_allclose(clips["seconds"], lengths, rtol=1e-5)

    measured = metrics_of(logdir, split)
    assert (clips["label"] == clips["prediction"]).mean() == pytest.approx(measured["top1"])
    assert (saved.top1, saved.n_clips, saved.step) == (
        measured["top1"],
        measured["n_clips"],
        measured["step"],
    )
    manifest = tone_dataset / f"v2-12-{split}.csv"
    assert saved.manifests == {str(manifest): hashlib.sha256(manifest.read_bytes()).hexdigest()}
    assert saved.labels == labels and saved.checkpoint == "best_models"


def test_a_later_evaluation_takes_the_place_of_the_record(logdir, run):
    before = evaluations.load(logdir, "test")
    run("eval", logdir, "--restore_best_checkpoint=True")
    after = evaluations.load(logdir, "test")
    assert (before[0].mode, after[0].mode) == ("train_eval", "eval")
    assert after[0].sound == before[0].sound
    assert after[1].equals(before[1])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.json", "{}", "Field required"),
        ("test.json", "[1", "not a record of an evaluation"),
        ("test.csv", "label,path\nyes,a.wav\n", "lack the column prediction"),
        ("test.csv", "", "not a record of an evaluation"),
    ],
)
def test_what_is_no_record_is_refused(logdir, tmp_path, name, content, message):
    folder = tmp_path / evaluations.FOLDER
    folder.mkdir()
    for each in ("test.json", "test.csv"):
        (folder / each).write_bytes((logdir / evaluations.FOLDER / each).read_bytes())
    (folder / name).write_text(content)
    with pytest.raises(UserError, match=message):
        evaluations.load(tmp_path, "test")


def test_no_evaluation_has_no_record(tmp_path):
    assert evaluations.load(tmp_path, "test") is None
