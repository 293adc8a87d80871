"""Which model of a run is the best one, and the average of several."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest
import soundfile

from open_seq2seq.config.checkpoint_average import CheckpointAverage
from open_seq2seq.config.metric import value_of
from open_seq2seq.detection.tracks import Spoken, write_list
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Detection, Evaluation
from open_seq2seq.storage import checkpoints, logdir
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.progress import Progress, RunInfo
from open_seq2seq.training import listening
from open_seq2seq.training.checkpoint_average import CheckpointPool
from open_seq2seq.training.selection import Selection


def evaluation_of(top1, *, recall=None, loss=1.0, n_non_finite=0, detection=None):
    recall = {"yes": 0.5, "unknown": 0.25, "no": None} if recall is None else recall
    return Evaluation(
        10, loss, top1, 1.0, recall, 0.1, n_non_finite=n_non_finite, detection=detection
    )


def test_what_each_metric_is():
    evaluation = evaluation_of(0.75, loss=0.5, detection=Detection(0.875, 1.0, 2.0))
    values = {
        "top1": 0.75,
        "top5": 1.0,
        "loss": -0.5,
        "mean_recall": 0.375,  # of the two labels that have clips
        "recall/unknown": 0.25,
        "recall/no": 0.0,
        "false_accepts": 0.875,
    }
    assert {metric: value_of(metric, evaluation) for metric in values} == values


def test_the_first_of_the_highest_values_is_the_best():
    selection, progress, best = Selection("top1"), Progress(), []
    for top1 in (0.5, 0.4, 0.5, 0.6, float("nan"), 0.7):
        n_non_finite = 1 if top1 == 0.7 else 0
        progress, is_best = selection.after(
            progress, evaluation_of(top1, n_non_finite=n_non_finite)
        )
        best.append(is_best)
    assert best == [True, False, False, True, False, False]
    assert (progress.best_score, progress.best_top1, progress.score) == (0.6, 0.6, None)
    assert selection.after(progress, evaluation_of(0.6), or_equal=True)[1]


def test_another_metric_may_choose_another_model():
    selection, progress = Selection("recall/unknown"), Progress()
    progress, _ = selection.after(progress, evaluation_of(0.9, recall={"unknown": 0.2}))
    progress, is_best = selection.after(progress, evaluation_of(0.8, recall={"unknown": 0.3}))
    assert is_best and (progress.best_top1, progress.best_score) == (0.8, 0.3)


def checkpoint_of(step, weight, score):
    return Checkpoint(
        {"w": np.full(3, weight, np.float32), "n": np.array([step], np.int64)},
        {},
        Progress(step=step, score=score),
        RunInfo(labels=("a", "b")),
    )


def steps_in(folder):
    return [checkpoints.step_of(path) for path in checkpoints.list_checkpoints(folder)]


@pytest.mark.parametrize(("which", "kept"), [("best", [1, 4, 6]), ("last", [4, 5, 6])])
def test_the_best_or_the_last_checkpoints_are_averaged(tmp_path, which, kept):
    params = CheckpointAverage(num_checkpoints=3, which=which)
    pool = CheckpointPool(tmp_path, params)
    scores = {1: 0.7, 2: 0.5, 3: 0.6, 4: 0.8, 5: 0.1, 6: 0.7}
    for step, score in scores.items():
        if step == 4:
            pool = CheckpointPool(tmp_path, params)  # a run that continues
        pool.add(checkpoint_of(step, 10.0**step, score))
    assert steps_in(tmp_path) == kept and len(pool) == 3
    mean = pool.mean()
    np.testing.assert_allclose(mean["w"], sum(10.0**step for step in kept) / 3)
    np.testing.assert_array_equal(mean["n"], [6])


def test_a_run_that_is_resumed_replaces_what_came_later(tmp_path):
    pool = CheckpointPool(tmp_path, CheckpointAverage(num_checkpoints=5))
    for step, weight in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 7.0)):
        pool.add(checkpoint_of(step, weight, 0.5))
    assert steps_in(tmp_path) == [1, 2]
    np.testing.assert_allclose(pool.mean()["w"], 4.0)


@pytest.mark.slow
def test_a_run_averages_its_best_checkpoints(run, tmp_path):
    flags = ["--average_params={'num_checkpoints': 3}", "--best_metric=mean_recall"]
    flags += ["--restore_best_checkpoint=True", "--num_epochs=5"]
    folder = tmp_path / "run"
    assert run("train_eval", folder, *flags) == 0
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    during = [line for line in lines if line["split"] == "val"][:5]
    values = [np.mean(list(line["recall"].values())) for line in during]
    # of equal ones the newer
    best = sorted(range(5), key=lambda i: (-values[i], -i))[:3]
    assert steps_in(folder / logdir.TO_AVERAGE) == sorted(during[i]["step"] for i in best)
    parts = [
        checkpoints.load(path).model
        for path in checkpoints.list_checkpoints(folder / logdir.TO_AVERAGE)
    ]
    averaged = checkpoints.load_newest(folder / logdir.AVERAGED)
    for name, values_of_name in averaged.model.items():
        expected = np.mean([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(values_of_name, expected, rtol=1e-6, atol=1e-7)
    line = lines[5]  # of the average
    best_model = checkpoints.load_newest(folder / logdir.BEST)
    score = np.mean(list(line["recall"].values()))
    assert best_model.progress.best_score == pytest.approx(max(*values, score))
    if score >= max(values):
        for name, values_of_name in averaged.model.items():
            np.testing.assert_array_equal(best_model.model[name], values_of_name)


@pytest.fixture
def tracks(tone_dataset, tmp_path):
    """A track of 30 s in which the tones of yes and go are heard, and one with other noise."""
    folder = tmp_path / "tracks"
    folder.mkdir()
    random = np.random.default_rng(0)
    sound = random.normal(scale=0.003, size=30 * 16000)
    spoken = []
    for index in range(8):
        word = ("yes", "go")[index % 2]
        clip, _ = soundfile.read(tone_dataset / word / f"val{index % 4:02}.wav")
        start = (2 + 3.2 * index) * 16000
        sound[int(start) : int(start) + len(clip)] += clip
        spoken.append(Spoken(start / 16000, (start + len(clip)) / 16000, word))
    soundfile.write(folder / "words.wav", sound, 16000)
    write_list(folder / "words.csv", spoken)
    soundfile.write(tmp_path / "noise.wav", random.normal(scale=0.01, size=20 * 16000), 16000)
    return folder


@pytest.mark.long
@pytest.mark.slow
def test_false_accepts_on_tracks_choose_the_best_model(run, tracks, tmp_path):
    corpora = [str(tracks), str(tmp_path / "noise.wav")]
    params = f"{{'tracks': {corpora}, 'false_accepts_per_hour': 100.0}}"
    flags = [f"--validation_tracks_params={params}", "--best_metric=false_accepts"]
    folder = tmp_path / "run"
    assert run("train_eval", folder, *flags, "--num_epochs=8") == 0
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    detections = [line["detection"] for line in lines if line["split"] == "val"]
    assert all(each["false_accepts_per_hour"] == 100.0 for each in detections)
    assert detections[0]["hours"] == pytest.approx(50 / 3600)
    recalls = [each["recall"] for each in detections]
    assert set(np.multiply(recalls, 8)) <= set(range(9))  # of eight words
    assert max(recalls) >= 0.75
    best = checkpoints.load_newest(folder / logdir.BEST)
    assert best.progress.best_score == max(recalls)
    first = recalls.index(max(recalls))
    assert best.step == [line["step"] for line in lines if line["split"] == "val"][first]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--best_metric=precision"], "expected loss, top1"),
        (["--best_metric=recall/maybe"], "best_metric: no label 'maybe'"),
        (["--best_metric=false_accepts"], "name them in validation_tracks_params"),
        (
            ["--validation_tracks_params={'tracks': ['nowhere']}"],
            "validation_tracks_params/tracks: nowhere: no such recording",
        ),
        (["--validation_tracks_params={'tracks': []}"], "validation_tracks_params/tracks"),
        (
            ["--validation_tracks_params={'tracks': ['x'], 'window_s': 0.5, 'hop_s': 0.6}"],
            "validation_tracks_params: hop_s 0.6 is longer than window_s 0.5",
        ),
        (["--average_params={'num_checkpoints': 1}"], "average_params/num_checkpoints"),
    ],
)
def test_what_cannot_be_measured_is_refused(run, tmp_path, flags, message):
    with pytest.raises(UserError, match=message):
        run("train_eval", tmp_path / "run", *flags)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("'method': 'incremental'", "validation_tracks_params/method: incremental hears each"),
        ("'window_s': 3.0", "validation_tracks_params/window_s: 3 is longer than"),
        ("'hop_s': 0.2", r"broken\.wav"),
    ],
)
def test_tracks_that_cannot_be_heard_are_refused_before_training(
    run, tracks, tmp_path, params, message
):
    if "hop_s" in params:
        (tracks / "broken.wav").write_text("no audio")
    flag = f"--validation_tracks_params={{'tracks': [{str(tracks)!r}], {params}}}"
    with pytest.raises(UserError, match=message):
        run("train_eval", tmp_path / "run", flag)
    assert not (tmp_path / "run").exists()


def test_a_signal_is_heard_while_tracks_are(run, tracks, tmp_path, monkeypatch):
    """The evaluation is left out, and made up for by the run that goes on."""
    heard = listening.hear

    def hear(*args):
        signal.raise_signal(signal.SIGTERM)
        return heard(*args)

    monkeypatch.setattr(listening, "hear", hear)
    flag = f"--validation_tracks_params={{'tracks': [{str(tracks)!r}], 'hop_s': 0.5}}"
    status = run("train_eval", tmp_path / "run", flag, "--num_epochs=2")
    assert status == 128 + signal.SIGTERM
    stopped = checkpoints.load_newest(tmp_path / "run" / logdir.LAST)
    assert stopped.step == 9 and stopped.progress.is_evaluation_due


@pytest.mark.parametrize("word", [None, "hey", "unknown"])
def test_tracks_without_a_keyword_are_refused(run, tracks, tmp_path, word):
    if word:
        (tmp_path / "noise.csv").write_text(f"start,end,label\n0.5,1.0,{word}\n")
    noise = str(tmp_path / "noise.wav")
    with pytest.raises(UserError, match="no list says that one of the model's keywords, "):
        run("train_eval", tmp_path / "run", f"--validation_tracks_params={{'tracks': [{noise!r}]}}")
    assert not (tmp_path / "run").exists()
