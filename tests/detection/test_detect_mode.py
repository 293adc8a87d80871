"""``--mode=detect`` as a user runs it: tables, files, calibration, and what uses it."""

import csv
import json
import logging
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.description import describe
from open_seq2seq.exporting.report import Report
from open_seq2seq.streaming import StreamingDetector

RATE = 16000
FLAGS = ["--hop_s=0.25", "--calibrate_smoothings=1,2", "--calibrate_min_gaps=0.5"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A track of tones with a list, and one without, of other tones."""
    folder = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(4)
    times = np.arange(RATE) / RATE

    def write(name, tones_hz):
        tones = [0.5 * np.sin(2 * np.pi * hz * times) for hz in tones_hz]
        parts = [part for tone in tones for part in (np.zeros(RATE), tone)]
        sound = np.concatenate(parts) + 0.003 * random.standard_normal(2 * RATE * len(tones))
        (folder / name).mkdir()
        soundfile.write(folder / name / "t.wav", sound, RATE, subtype="PCM_16")

    write("talk", [300, 500, 900, 1500, 2500, 400] * 3)
    write("noise", [333, 2700, 1111, 700, 2000])
    return folder


@pytest.fixture(scope="module")
def said(sounds, trained):
    """The list: each tone is what the model calls it in a stream."""
    model = open_seq2seq.from_pretrained(trained[0])
    detector = StreamingDetector(model, hop_s=0.25, smoothing=1, threshold=0.2)
    samples, _ = soundfile.read(sounds / "talk" / "t.wav", dtype="int16")
    rows = [f"{event.end - 0.5},{event.end},{event.label}\n" for event in detector.push(samples)]
    assert len(rows) > 5
    (sounds / "talk" / "t.csv").write_text("start,end,label\n" + "".join(rows))
    return sounds


@pytest.fixture
def logdir(trained, tmp_path):
    return shutil.copytree(trained[0], tmp_path / "run")


def detect(logdir, *args):
    return cli.main(["--mode=detect", f"--logdir={logdir}", *FLAGS, *map(str, args)])


def summary_of(logdir):
    return json.loads((logdir / "detection" / "summary.json").read_text())


def test_events_counts_and_curves_are_printed_and_saved(logdir, said, capsys):
    assert detect(logdir, "--smoothing=1", "--threshold=0.2", said / "talk", said / "noise") == 0
    out = capsys.readouterr().out
    assert "talk: 1 recording, 0.01 h, " in out
    assert "noise: 1 recording, 0.00278 h, nothing in it is a keyword" in out
    assert "5.99 h without one are needed to show 0.5" in out
    summary = summary_of(logdir)
    with open(logdir / "detection" / "events.csv", newline="") as file:
        events = list(csv.DictReader(file))
    for name in ("talk", "noise"):
        its = [event for event in events if event["corpus"] == name]
        counts = summary["corpora"][name]["all"]
        assert counts["found"] == sum(event["result"] == "found" for event in its)
        assert counts["false_accepts"] == sum(event["result"] != "found" for event in its)
        highest = summary["corpora"][name]["highest_false_accepts"]
        scores = sorted((float(e["score"]) for e in its if e["result"] != "found"), reverse=True)
        assert [each["score"] for each in highest] == scores[:10]
    assert summary["corpora"]["talk"]["all"]["found"] > 5
    assert summary["evidence"]["hours_needed_without_an_event"] == pytest.approx(-2 * np.log(0.05))
    det = json.loads((logdir / "detection" / "det.json").read_text())
    assert det["curves"][0]["label"] == "all" and det["curves"][0]["points"]


def test_the_curves_are_drawn_where_matplotlib_is_there(logdir, said, monkeypatch, capsys):
    monkeypatch.setattr("open_seq2seq.detection.results.find_spec", lambda name: None)
    assert detect(logdir, said / "noise") == 0
    assert "open-seq2seq-speech-commands[plots]" in capsys.readouterr().out
    assert not (logdir / "detection" / "det.png").exists()
    monkeypatch.undo()
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    assert detect(logdir, said / "noise") == 0
    png = (logdir / "detection" / "det.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 5000


@pytest.fixture(scope="module")
def calibrated_once(trained, said, tmp_path_factory):
    logdir = shutil.copytree(trained[0], tmp_path_factory.mktemp("calibrated") / "run")
    corpora = f"{said / 'talk'},quiet={said / 'noise'}"
    args = ["--false_accepts_per_hour=1000", f"--calibrate={corpora}", said / "talk"]
    assert detect(logdir, *args) == 0
    return logdir


@pytest.fixture
def calibrated(calibrated_once, tmp_path):
    return shutil.copytree(calibrated_once, tmp_path / "calibrated")


@pytest.mark.slow
def test_a_calibration_is_saved_with_its_counts_and_used_by_streams(calibrated, said, capsys):
    saved = json.loads((calibrated / "detector.json").read_text())
    assert [corpus["name"] for corpus in saved["corpora"]] == ["talk", "quiet"]
    summary = summary_of(calibrated)
    own = summary["calibration"]["measured"]["corpora"]["talk"]["all"]
    assert own == summary["corpora"]["talk"]["all"]  # the same sound was measured again
    assert own["found"] == saved["corpora"][0]["found"] > 5

    model = open_seq2seq.from_pretrained(calibrated)
    detector = StreamingDetector(model)
    assert detector.params.thresholds == saved["stream"]["thresholds"]
    assert (detector.params.hop_s, detector.params.smoothing) == (
        0.25,
        saved["stream"]["smoothing"],
    )
    samples, _ = soundfile.read(said / "talk" / "t.wav", dtype="int16")
    events = detector.push(samples)
    assert len(events) == own["found"] + own["false_accepts"]

    capsys.readouterr()
    stream = ["--mode=stream", f"--logdir={calibrated}"]
    assert cli.main([*stream, str(said / "talk")]) == 0
    out = capsys.readouterr().out
    assert "as calibrated: " in out and "thresholds for 1000 false accepts per hour" in out
    assert f"\n{len(events)} events" in out
    assert cli.main([*stream, "--threshold=1.0", "--smoothing=4", str(said / "talk")]) == 0
    assert "\n0 events" in capsys.readouterr().out
    # what is measured without flags is what was calibrated
    assert cli.main(["--mode=detect", f"--logdir={calibrated}", str(said / "talk")]) == 0
    assert summary_of(calibrated)["settings"] == saved["stream"]


def test_a_calibrated_model_takes_the_flags_of_the_mode(calibrated, said, tmp_path):
    saved = json.loads((calibrated / "detector.json").read_text())
    flags = [f"--detect_dir={tmp_path / 'there'}", "--match_tolerance_s=0.5", said / "noise"]
    assert detect(calibrated, *flags) == 0
    used = json.loads((tmp_path / "there" / "summary.json").read_text())["settings"]
    assert used["thresholds"] == saved["stream"]["thresholds"]


def test_the_page_listens_as_calibrated(calibrated, monkeypatch):
    if find_spec("gradio") is None:  # importing it takes seconds
        pytest.skip("the extra `demo` is not installed")
    served = []
    monkeypatch.setattr(
        "open_seq2seq.page.server.Page.serve", lambda self, *args: served.append(args[1])
    )
    page = ["--mode=try", f"--logdir={calibrated}", "--port=0"]
    assert cli.main(page) == 0 and cli.main([*page, "--threshold=0.9"]) == 0
    saved = json.loads((calibrated / "detector.json").read_text())
    assert served[0].thresholds == saved["stream"]["thresholds"]
    assert (served[1].thresholds, served[1].threshold) == ({}, 0.9)


def test_a_calibration_of_another_step_is_used_with_a_warning(calibrated, caplog):
    path = calibrated / "detector.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, "checkpoint_step": 1}))
    with caplog.at_level(logging.WARNING, "open_seq2seq"):
        detector = StreamingDetector(open_seq2seq.from_pretrained(calibrated))
    assert "detector.json is for the checkpoint of step 1, and this is step" in caplog.text
    assert detector.params.thresholds == saved["stream"]["thresholds"]
    with caplog.at_level(logging.WARNING, "open_seq2seq"):
        StreamingDetector(open_seq2seq.from_pretrained(calibrated), hop_s=0.5)
    assert "thresholds were not chosen for hop_s=0.5" in caplog.text


def test_exports_have_the_calibrated_thresholds(calibrated):
    model = open_seq2seq.from_pretrained(calibrated)
    params = ExportParams(export_dir="x")
    rate = part_of(model.data_layer, FrontEnd).sample_rate
    description = describe(model, params, rate)
    saved = json.loads((calibrated / "detector.json").read_text())
    assert (
        description["thresholds"]
        == dict.fromkeys(model.labels, 0.5) | saved["stream"]["thresholds"]
    )
    assert description["detector"]["smoothing"] == saved["stream"]["smoothing"]
    card = Report(calibrated, description, "", None, []).as_markdown()
    label, threshold = next(iter(saved["stream"]["thresholds"].items()))
    assert f"{label} {threshold:.7g}" in card and "for 1000 false accepts per hour" in card
    model.calibration = None
    description = describe(model, params, rate)
    assert set(description["thresholds"].values()) == {0.5} and "detector" not in description


def test_inference_asks_for_calibrated_thresholds_only_when_told_to(calibrated, said):
    model = open_seq2seq.from_pretrained(calibrated)
    clip = str(said / "talk" / "t.wav")
    windows = {"window_s": 1.0, "hop_s": 0.5}
    plain = model.predict(clip, **windows)
    assert all(prediction.label for prediction in plain)
    thresholds = model.calibration.window_thresholds
    expected = ["" if p.probability < thresholds.get(p.label, 0) else p.label for p in plain]
    given = model.predict(clip, calibrated_thresholds=True, **windows)
    assert [prediction.label for prediction in given] == expected
    label = plain[0].label
    silenced = model.predict(clip, thresholds={label: 1.0}, **windows)
    assert [p.label for p in silenced] == ["" if p.label == label else p.label for p in plain]
    with pytest.raises(UserError, match="thresholds: the model has no label 'yess'"):
        model.predict(clip, thresholds={"yess": 0.5})
    model.calibration = None
    with pytest.raises(UserError, match="calibrated_thresholds: the model has none"):
        model.predict(clip, calibrated_thresholds=True)


def test_what_is_measured_on_its_own_calibration_is_told(calibrated, said, capsys):
    args = [f"--calibrate={said / 'talk'}", "--false_accepts_per_hour=1000", f"t={said / 'talk'}"]
    assert detect(calibrated, *args) == 0
    assert (
        "t: 1 of 1 recordings are among those that it is calibrated on" in capsys.readouterr().out
    )


def test_a_rate_that_is_not_reached_saves_nothing(logdir, said):
    with pytest.raises(UserError) as caught:
        detect(logdir, f"--calibrate={said / 'noise'}", said / "talk")
    assert caught.value.exit_status == 2
    assert "no list of these recordings names a keyword" in str(caught.value)
    assert not (logdir / "detector.json").exists()
    assert not (logdir / "detection" / "summary.json").exists()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([], "nothing to measure on: name folders of recordings"),
        (["missing"], "missing: no such recording or folder of recordings"),
        (["--false_accepts_per_hour=0", "."], "false_accepts_per_hour: expected a value greater"),
        (["--calibrate_smoothings=0", "."], "expected 1 or more windows, got 0"),
        (["--calibrate_min_gaps=-1", "."], "expected 0 or more seconds, got -1"),
        (["--detect_dir=x.wav/y", "x.wav"], "detect_dir: cannot write x.wav/y"),
        (["--window_s=3", "x.wav"], "window_s: 3 is longer than what the model hears"),
        (["--thresholds={'yess': 0.5}", "x.wav"], "the model has no label 'yess'"),
        (["--save_events=x"], "save_events"),
        (["--top_k=2", "x.wav"], "--top_k is for --mode=infer only"),
    ],
)
def test_what_cannot_be_measured_is_named(trained, tmp_path, monkeypatch, capsys, args, problem):
    monkeypatch.chdir(tmp_path)
    soundfile.write("x.wav", np.zeros(RATE), RATE)
    with pytest.raises((UserError, SystemExit)) as caught:
        detect(trained[0], *args)
    assert problem in f"{caught.value} {capsys.readouterr().err}"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--threshold=0.6"], "threshold: calibrate chooses the thresholds"),
        ([], "no list of these recordings names a keyword"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_before_anything_is_heard(
    trained, tmp_path, monkeypatch, flags, problem
):
    monkeypatch.setattr(
        "open_seq2seq.modes.detect.hear", lambda *args: pytest.fail("it was listened to")
    )
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE), RATE)
    with pytest.raises(UserError, match=problem):
        detect(trained[0], f"--calibrate={tmp_path}", *flags)


def test_a_calibration_is_saved_before_anything_is_drawn(logdir, said, monkeypatch):
    """What comes after the calibration may fail."""
    monkeypatch.setattr(
        "open_seq2seq.modes.detect.write_results", lambda *args: (_ for _ in ()).throw(OSError)
    )
    corpora = f"{said / 'talk'},quiet={said / 'noise'}"
    with pytest.raises(OSError):
        detect(logdir, "--false_accepts_per_hour=1000", f"--calibrate={corpora}")
    assert (logdir / "detector.json").exists()


def test_what_does_not_fit_to_the_calibration_is_named(calibrated, tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE), RATE)
    stream = ["--mode=stream", f"--logdir={calibrated}", "--window_s=0.2", str(tmp_path / "x.wav")]
    with pytest.raises(
        UserError, match=r"detector\.json: hop_s 0\.25 is longer than window_s 0\.2"
    ):
        cli.main(stream)


def test_a_model_without_a_keyword_is_refused(trained, tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE), RATE)
    labels = open_seq2seq.from_pretrained(trained[0]).labels
    with pytest.raises(UserError, match="quiet_labels: no label of the model can be an event"):
        detect(trained[0], f"--quiet_labels={','.join(labels)}", tmp_path)
