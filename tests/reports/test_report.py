"""The report of a run: the same facts in three files, whatever the run has recorded."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.cli import main
from open_seq2seq.errors import UserError
from open_seq2seq.reports import recorded
from open_seq2seq.reports.writing import write_report
from open_seq2seq.storage import evaluations

SPLITS = ("val", "test")


def read(logdir):
    folder = logdir / "report"
    page, text = ((folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    return json.loads((folder / "report.json").read_text()), text, page


def edit_clips(logdir, split, edit):
    """Change the recorded clips of an evaluation."""
    path = logdir / "evaluations" / f"{split}.csv"
    clips = pd.read_csv(path, keep_default_na=False)
    edit(clips).to_csv(path, index=False)


def test_training_leaves_a_report_of_what_was_measured(logdir):
    report, text, page = read(logdir)
    lines = [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]
    test = [line for line in lines if line["split"] == "test"][-1]
    found = report["splits"]["test"]
    assert found["accuracy"]["value"] == pytest.approx(test["top1"])
    assert [found["accuracy"]["low"], found["accuracy"]["high"]] == pytest.approx(
        test["top1_interval"]
    )
    assert np.array(found["confusion"]).sum() == test["n_clips"]
    recall = {row["label"]: row["recall"]["value"] for row in found["labels"]}
    assert recall == pytest.approx(test["recall"])
    shown = f"{100 * test['top1']:.1f} %"
    assert shown in text and shown in page
    (start,) = report["runs"]
    assert start["n_clips"]["train"] == dict.fromkeys(test["recall"], 12)
    assert start["parameters"]["optimizer"] == "Adam"
    assert start["parameters"]["data_layer_params/num_readers"] == 1
    assert start["parameters"]["num_epochs"] == 2
    # the encoder of tiny_config.py: 128 features to 32 hidden values, to 12 labels, with biases
    assert start["multiply_adds"] == 128 * 32 + 32 * 12
    assert start["n_parameters"] == 128 * 32 + 32 + 32 * 12 + 12
    assert start["config_text"].startswith('"""A config that learns to tell tones apart')
    (manifest,) = start["manifests"]["train"]
    assert Path(manifest).name == "v2-12-train.csv"
    assert report["missing"] == []
    steps = [line["step"] for line in report["training"]]
    assert steps == [5, 10, 15]  # of 2 epochs of 9 steps


def test_the_page_needs_nothing_else(logdir):
    page = read(logdir)[2]
    assert not re.search(r"""<[^>]+\b(?:src|href)=["']?(?!data:)""", page)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<audio") > 0 and "data:audio/" in page


def test_the_mode_makes_it_again_without_the_model_and_the_sound(logdir, capsys):
    before = read(logdir)[0]
    shutil.rmtree(logdir / "report")
    shutil.rmtree(logdir / "checkpoints")
    for split in SPLITS:
        edit_clips(logdir, split, lambda clips: clips.assign(path="/nowhere/" + clips["label"]))
    assert main(["--mode=report", f"--logdir={logdir}"]) == 0
    assert f"report: {logdir}/report/report.html" in capsys.readouterr().out
    after, _, page = read(logdir)
    assert after["splits"]["test"]["confusion"] == before["splits"]["test"]["confusion"]
    assert "data:audio/" not in page


def test_an_older_run_has_a_report_that_names_what_is_missing(logdir):
    for name in ("starts.jsonl", "training.jsonl", "evaluations"):
        path = logdir / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_report(recorded.read(logdir))
    report, text, page = read(logdir)
    assert report["splits"] == {} and len(report["missing"]) == 3
    assert "--mode=eval records it" in text
    assert set(report["metrics"]) == set(SPLITS)
    assert f"{100 * report['metrics']['test']['top1']:.1f} %" in page


def test_a_run_that_was_killed_while_it_wrote_has_a_report(logdir):
    with open(logdir / "metrics.jsonl", "a") as file:
        file.write('{"mode": "train_eval", "st')
    (logdir / "evaluations" / "test.csv").write_text("label,prediction\nyes,")
    write_report(recorded.read(logdir))
    report = read(logdir)[0]
    assert list(report["splits"]) == ["val"]
    assert any("lack the column" in line for line in report["missing"])


def test_no_file_that_is_damaged_takes_the_report_with_it(logdir):
    """Each one is named; of numbers that are none, the others are shown."""
    for name in ("starts.jsonl", "metrics.jsonl"):
        (logdir / name).write_text('{"cut')
    steps = [{"step": 1, "loss": 1e20, "clips_per_s": "many"}, {"step": "two", "loss": 1.0}]
    text = "".join(f"{json.dumps(each)}\n" for each in steps)
    (logdir / "training.jsonl").write_text(text + '{"step": 3, "loss": NaN}\n')
    shutil.rmtree(logdir / "checkpoints")
    shutil.rmtree(logdir / "best_models", ignore_errors=True)
    path = logdir / "evaluations" / "test.csv"
    path.write_text(path.read_text().rpartition(",")[0])
    (logdir / "detection").mkdir()
    (logdir / "detection" / "summary.json").write_text("{")
    write_report(recorded.read(logdir))
    report, _, page = read(logdir)
    assert [each["loss"] for each in report["training"]] == [1e20, None]
    assert "training loss" in page
    named = "\n".join(report["missing"])
    for problem in (
        "nothing in starts.jsonl can be read",
        "metrics.jsonl: no step is recorded in it",
        "test.json: not a record of an evaluation (a line of its clips was cut short)",
        "detection/summary.json: not a record",
        "model: the logdir has no checkpoint",
    ):
        assert problem in named


def test_an_evaluation_that_is_gone_is_named(logdir):
    (logdir / "evaluations" / "test.json").unlink()
    write_report(recorded.read(logdir))
    assert (
        "clips of test: their last evaluation is not recorded; --mode=eval records it"
        in (read(logdir)[0]["missing"])
    )


def test_a_label_that_the_model_does_not_have_is_no_record(logdir):
    path = logdir / "evaluations" / "val.csv"
    clips = pd.read_csv(path, keep_default_na=False)
    clips.loc[3, "prediction"] = "sil"
    clips.to_csv(path, index=False)
    with pytest.raises(UserError, match="prediction 'sil' is none of its labels"):
        evaluations.load(logdir, "val")


def test_the_command_can_be_pasted(logdir):
    path = logdir / "starts.jsonl"
    start = json.loads(path.read_text().splitlines()[-1])
    start["command"] = ["run.py", "--logdir=my run", "--load_model=$HOME"]
    path.write_text(json.dumps(start) + "\n")
    write_report(recorded.read(logdir))
    assert html.unescape(read(logdir)[2]).count("run.py '--logdir=my run' '--load_model=$HOME'")


LABELS = ["a 'quote\"", "two words", "<script>alert(1)</script>", "左", "a|b", "*x*", "&amp;"]


def test_labels_are_text_whatever_they_are(logdir):
    path = logdir / "evaluations" / "test.json"
    saved = json.loads(path.read_text())
    names = dict(zip(saved["labels"], LABELS, strict=False))
    saved["labels"] = [names.get(label, label) for label in saved["labels"]]
    path.write_text(json.dumps(saved))

    def rename(clips):
        renamed = {name: clips[name].replace(names) for name in ("label", "prediction")}
        return clips.assign(**renamed)

    edit_clips(logdir, "test", rename)
    write_report(recorded.read(logdir))
    report, text, page = read(logdir)
    assert [row["label"] for row in report["splits"]["test"]["labels"]] == saved["labels"]
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert "左" in page and "左" in text
    assert r"a\|b" in text and r"\<script\>" in text


@pytest.mark.slow
def test_a_hundred_thousand_clips_are_still_a_small_page(logdir):
    def repeat(clips):
        return pd.concat([clips] * (100_000 // len(clips) + 1), ignore_index=True)[:100_000]

    path = logdir / "evaluations" / "test.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps(saved | {"n_clips": 100_000}))
    edit_clips(logdir, "test", repeat)
    write_report(recorded.read(logdir))
    assert (logdir / "report" / "report.html").stat().st_size < 5_000_000
    assert read(logdir)[0]["splits"]["test"]["accuracy"]["n"] == 100_000


@pytest.mark.parametrize("kind", ["nothing", "file", "other"])
def test_what_is_no_run_is_refused(tmp_path, kind):
    folder = tmp_path / "run"
    if kind == "file":
        folder.write_text("")
    if kind == "other":
        folder.mkdir()
        (folder / "events.out.tfevents").write_text("")
    with pytest.raises(UserError, match=r"no records of a run|is no folder"):
        write_report(recorded.read(folder))
    assert not (folder / "report").exists()


def test_detection_is_a_part_of_it(logdir):
    counts = {
        "said": 50, "found": 40, "recall": 0.8, "recall_interval": [0.67, 0.888], "hours": 2.0,
        "false_accepts_per_hour": 2.0, "false_accepts_per_hour_interval": [0.54, 5.12],
        "latency_median_s": 0.4,
    }  # fmt: skip
    corpora = {"<room>": {"all": counts}, "prompts": {"all": counts | {"said": 0}}}
    summary = {"corpora": corpora, "all": counts, "settings": {"threshold": 0.5}}
    folder = logdir / "detection"
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary))
    points = [
        {"false_accepts_per_hour": x, "miss_rate": 1 / (x + 1), "threshold": 0.5} for x in (0, 1, 3)
    ]
    (folder / "det.json").write_text(json.dumps({"curves": [{"label": "all", "points": points}]}))
    write_report(recorded.read(logdir))
    _, text, page = read(logdir)
    assert "80.0 % of 50 (67.0 % to 88.8 %)" in text and "2.00 (0.54 to 5.12)" in text
    assert "&lt;room&gt;" in page and "false accepts per hour over" not in text
    assert "words missed, % over false accepts per hour, at the left edge none" in page
    # no false accepts, and all words missed: the upper left corner
    line = re.search(r'words missed.*?<polyline[^>]*points="([^"]*)"', page, re.DOTALL)[1]
    places = [tuple(map(float, each.split(","))) for each in line.split()]
    assert len(places) == 3
    assert places[0] == (min(x for x, _ in places), min(y for _, y in places))
