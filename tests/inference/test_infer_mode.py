"""``--mode=infer`` and ``predict`` on long recordings, without a config, into files."""

import csv
import io
import json
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.page_params import PageParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.inference import InferenceParams

RATE = 16000


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture
def clips(trained):
    """Paths of a few of the clips that ``trained`` was asked about, and their rows."""
    rows = trained[1].iloc[:6]
    return list(rows["path"]), rows


def infer(trained, *args):
    return cli.main(["--mode=infer", f"--logdir={trained[0]}", *map(str, args)])


def probabilities(predictions):
    return np.array([prediction.probabilities for prediction in predictions])


def test_a_run_needs_no_config_and_gives_the_same(trained, clips, model, tmp_path):
    paths, rows = clips
    output = tmp_path / "out.csv"
    assert infer(trained, f"--infer_output_file={output}", *paths) == 0
    pd.testing.assert_frame_equal(pd.read_csv(output), rows.reset_index(drop=True), atol=1e-5)
    assert list(pd.read_csv(output))[:5] == ["path", "start", "end", "label", "probability"]


def test_windows_of_a_track_have_the_labels_of_its_clips(trained, tone, model, tmp_path, capsys):
    hertz = (300, 500, 900, 1500, 2500)
    sounds = [np.rint(32767 * tone(each, 1.0)).astype(np.int16) for each in hertz]
    soundfile.write(tmp_path / "track.wav", np.concatenate(sounds), RATE)
    expected = model.predict(sounds, sample_rate=RATE)
    assert len({prediction.label for prediction in expected}) > 1
    predictions = model.predict(tmp_path / "track.wav", window_s=1.0, hop_s=1.0)
    np.testing.assert_allclose(
        probabilities(predictions), probabilities(expected), rtol=1e-4, atol=1e-5
    )
    assert [(p.start, p.end) for p in predictions] == [(i, i + 1) for i in range(len(sounds))]

    output = tmp_path / "out.jsonl"
    flags = ["--hop_s=0.5", "--top_k=2", f"--infer_output_file={output}"]
    assert infer(trained, *flags, tmp_path / "track.wav") == 0
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["start"] for record in records] == [i / 2 for i in range(2 * len(sounds) - 1)]
    for record, prediction in zip(records[::2], expected, strict=True):
        assert record["label"] == prediction.label == next(iter(record["best"]))
        assert list(record["probabilities"]) == list(model.labels)
        best = sorted(record["probabilities"].items(), key=lambda each: -each[1])[:2]
        assert list(record["best"].items()) == best
    line = f"{tmp_path / 'track.wav'} 1.00 to 2.00 s: {expected[1].label} ("
    assert line in capsys.readouterr().out


def test_a_label_must_be_probable_enough(trained, clips, model, tmp_path, capsys):
    paths, rows = clips
    threshold = float(np.median(rows["probability"]))
    output = tmp_path / "out.csv"
    flags = [f"--min_probability={threshold}", "--top_k=3", f"--infer_output_file={output}"]
    assert infer(trained, *flags, *paths) == 0
    given = list(csv.DictReader(output.open()))
    for row, (_, expected) in zip(given, rows.iterrows(), strict=True):
        is_probable = expected["probability"] >= threshold
        assert row["label"] == (expected["label"] if is_probable else "")
        assert float(row["probability"]) == pytest.approx(expected["probability"], abs=1e-5)
        order = np.argsort([-float(row[label]) for label in model.labels])
        assert row["label_2"] == model.labels[order[1]]
        assert row["label_3"] == model.labels[order[2]]
        assert float(row["probability_2"]) == float(row[row["label_2"]])
    assert ": no label, " in capsys.readouterr().out


def test_a_wav_may_come_on_standard_input(trained, clips, monkeypatch, tmp_path):
    paths, rows = clips
    output = tmp_path / "out.csv"
    with open(paths[2], "rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert infer(trained, f"--infer_output_file={output}", "-") == 0
    (row,) = csv.DictReader(output.open())
    assert (row["path"], row["label"]) == ("-", rows.iloc[2]["label"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(UserError, match=r"-: File contains data in an unknown format|-: .*"):
        infer(trained, "-")


def test_bad_files_are_skipped_if_asked(trained, clips, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    with pytest.raises(UserError, match=r"bad.wav: "):
        infer(trained, clips[0][0], bad)
    output = tmp_path / "out.csv"
    flags = ["--data_layer_params/on_bad_audio=skip", f"--infer_output_file={output}"]
    assert infer(trained, *flags, clips[0][0], bad) == 0
    assert f"{bad}: skipped, " in capsys.readouterr().out
    assert len(list(csv.DictReader(output.open()))) == 1
    assert infer(trained, *flags, bad) == 0
    assert output.read_text().startswith("path,start,end,label,probability,")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--window_s=2.5", "x.wav"], r"window_s: 2\.5 is longer than what the model hears"),
        (["--hop_s=2", "x.wav"], r"hop_s 2 is longer than window_s 1"),
        (["--window_s=none_at_all", "x.wav"], r"--window_s: expected float, got 'none_at_all'"),
        (["--top_k=0", "x.wav"], r"--top_k: expected a value greater than 0, got 0"),
        (["--min_probability=nan", "x.wav"], r"--min_probability: expected"),
        (["--learning_rate=3", "x.wav"], "unknown parameter 'learning_rate'"),
        (["--data_layer_params/n_fft=3", "x.wav"], "unknown parameter 'n_fft'"),
        (["--topk=3", "x.wav"], "unknown parameter 'topk', did you mean 'top_k'"),
        (["--threshold=0.5", "x.wav"], "--threshold is for --mode=stream, detect and try only"),
        ([], "nothing to infer: name audio files"),
    ],
)
def test_what_cannot_be_asked_is_named(trained, tone, tmp_path, monkeypatch, args, problem):
    monkeypatch.chdir(tmp_path)
    soundfile.write("x.wav", tone(500.0), RATE)
    with pytest.raises(UserError, match=problem):
        infer(trained, *args)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--mode=infer", "x.wav"], "name a trained run with --logdir"),
        (["--mode=eval", "--logdir=x"], "--config_file is required"),
    ],
)
def test_flags_of_inference_are_for_inference(args, problem, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.parse(args)
    assert exit.value.code == 2 and problem in capsys.readouterr().err


def test_flags_of_inference_are_for_no_other_mode():
    with pytest.raises(UserError, match="--top_k is for --mode=infer only"):
        cli.main(["--config_file=speech_commands/demo", "--mode=eval", "--top_k=2"])


def test_help_names_them(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--mode=infer: Seconds of each window" in text
    for params in (InferenceParams, ExportParams, StreamParams, PageParams):
        for name, field in params.model_fields.items():
            assert f"--{name} " in text and field.description.rstrip(".") in text
    assert "(default: 0.5)" in text and "(default: None)" not in text
    assert "(default: unknown,silence)" in text and "(default: windows)" in text


def test_a_run_of_custom_classes_says_that_it_needs_its_config(run, tone, tmp_path):
    assert run("train", tmp_path / "run", "--num_epochs=None", "--max_steps=2") == 0
    soundfile.write(tmp_path / "x.wav", tone(500.0), RATE)
    with pytest.raises(UserError, match=r"parts of its own; name the config"):
        cli.main(["--mode=infer", f"--logdir={tmp_path / 'run'}", str(tmp_path / "x.wav")])


def test_predict_takes_the_same_parameters(model, clips):
    (prediction,) = model.predict(clips[0][0], top_k=12)
    np.testing.assert_allclose(
        [p for _, p in prediction.best], np.sort(prediction.probabilities)[::-1]
    )
    assert prediction.best[0] == (prediction.label, prediction.probability)
    with pytest.raises(UserError, match="predict: unknown parameter 'window', did you mean"):
        model.predict(clips[0][0], window=1.0)
