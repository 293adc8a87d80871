"""What an accuracy is worth, and which labels are worse than the others."""

from __future__ import annotations

import json

import pytest

from open_seq2seq.evaluation import Evaluation, Occasion, wilson_interval
from open_seq2seq.storage.metrics import Metrics
from open_seq2seq.storage.run_files import RunFiles


@pytest.mark.parametrize(
    ("fraction", "n", "interval"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion, Statistics in
        # Medicine 17 (1998), table I, method 3: the Wilson score interval
        (81 / 263, 263, (0.2553, 0.3662)),
        (15 / 148, 148, (0.0624, 0.1605)),
        (0 / 20, 20, (0.0000, 0.1611)),
        (1 / 29, 29, (0.0061, 0.1718)),
        # by hand, at the ends: 1 / (1 + z^2 / n), z^2 = 3.8415
        (1.0, 1, (1 / 4.8415, 1.0)),
        (0.0, 4, (0.0, 3.8415 / 7.8415)),
    ],
)
def test_the_interval_is_wilsons(fraction, n, interval):
    assert wilson_interval(fraction, n) == pytest.approx(interval, abs=5e-5)


def evaluation(right: dict[str, int], n: dict[str, int]) -> Evaluation:
    n_clips = sum(n.values())
    return Evaluation(
        n_clips=n_clips,
        loss=0.5,
        top1=sum(right.values()) / n_clips,
        top5=1.0,
        recall={label: right[label] / n[label] if n[label] else None for label in n},
        seconds=0.1,
        n_by_label=n,
    )


def lines_of(tested: Evaluation, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level("INFO", logger="open_seq2seq"):
        Metrics(None).record_evaluation(tested, Occasion("eval", "val", 7, 1.0, "v2"))
    return caplog.messages


def test_labels_that_are_clearly_worse_stand_below_the_accuracy(caplog):
    """78 of 100; the upper end of 0 of 10 is 3.84 / 13.84 = 28 %, that of 7 of 10 is 89 %."""
    n = dict.fromkeys("abcdefghij", 10)
    right = {**dict.fromkeys("abcdefgh", 9), "g": 8, "i": 7, "j": 0}
    first, second = lines_of(evaluation(right, n), caplog)
    # (0.78 + 3.8415 / 200 +- 1.96 sqrt(0.78 * 0.22 / 100 + 3.8415 / 40000)) / 1.038415
    assert first.startswith("val: step 7, 100 clips, loss 0.5000, accuracy 78.00% (95% interval ")
    assert "(95% interval 68.9% to 85.0%), top 5 100.00%, 0.1 s" in first
    assert second == "val: clearly worse: j 0.00% of 10 clips"


def test_only_the_worst_of_many_are_shown(caplog):
    n = dict.fromkeys("abcdefghij", 40)
    right = {**dict.fromkeys("abcdef", 40), "g": 4, "h": 0, "i": 8, "j": 2}
    _, line = lines_of(evaluation(right, n), caplog)
    assert line == (
        "val: clearly worse: h 0.00% of 40 clips, j 5.00% of 40 clips, g 10.00% of 40 clips "
        "and 1 more"
    )


def test_one_wrong_clip_of_a_label_with_few_is_not_clearly_worse(caplog):
    # the upper end of 0 of 1 is 3.8415 / 4.8415 = 79.3 %
    assert len(lines_of(evaluation({"a": 0, "b": 79}, {"a": 1, "b": 99}), caplog)) == 1
    assert len(lines_of(evaluation({"a": 0, "b": 80}, {"a": 1, "b": 99}), caplog)) == 2


def test_one_clip_is_not_called_clips(caplog):
    (line,) = lines_of(evaluation({"a": 1, "b": 0}, {"a": 1, "b": 0}), caplog)
    assert "step 7, 1 clip, " in line and "(95% interval 20.7% to 100.0%)" in line


def test_the_interval_is_recorded(tmp_path):
    files = RunFiles(tmp_path / "run")
    metrics = Metrics(files)
    metrics.record_evaluation(
        evaluation({"a": 0, "b": 0}, {"a": 20, "b": 0}), Occasion("eval", "test", 7, 1.0, "v2")
    )
    metrics.close()
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text())
    assert line["top1_interval"] == pytest.approx([0.0, 0.1611], abs=5e-5)
    assert line["n_by_label"] == {"a": 20, "b": 0} and line["n_non_finite"] == 0
