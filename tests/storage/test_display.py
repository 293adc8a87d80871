"""What somebody at a terminal sees of a training run."""

import json
import re
import sys

import pytest

from open_seq2seq.evaluation import Evaluation, Occasion
from open_seq2seq.storage.display import accuracies_line
from open_seq2seq.storage.reporting import Reporter


def evaluation(top1):
    return Evaluation(100, 0.5, top1, 1.0, {"yes": top1}, 0.1, {"yes": 100})


@pytest.mark.parametrize(
    ("accuracies", "encoding", "line"),
    [
        ([], "utf-8", ""),
        ([0.5], "utf-8", "validation accuracy 50.0 %, best 50.00% "),
        # eight heights, from the lowest value to the highest one
        ([0.0, 0.7, 0.35], "utf-8", "validation accuracy 0.0 70.0 35.0 %, best 70.00% ▁█▅"),
        ([0.0, 0.7], "ascii", "validation accuracy 0.0 70.0 %, best 70.00%"),
    ],
)
def test_the_evaluations_are_numbers_and_a_curve(accuracies, encoding, line):
    assert accuracies_line(accuracies, encoding).rstrip() == line.rstrip()


def test_of_many_evaluations_the_last_numbers_fit_and_the_best_stays():
    line = accuracies_line([0.99] + [0.5] * 60, "utf-8")
    assert line.startswith("validation accuracy 50.0 50.0 50.0 50.0 50.0 %, best 99.00%")
    assert len(line) < 120


def test_a_terminal_shows_steps_and_evaluations(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    written = terminal("utf-8")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    reporter = Reporter(is_chief=True)
    reporter.start_training(200, 40)
    reporter.move_bar(120, "epoch 3, loss 0.1234")
    evaluations = [("val", 80, 0.25), ("val", 120, 0.75), ("test", 120, 0.5), ("val", 80, 0.25)]
    for split, step, top1 in evaluations:  # the best one is evaluated again at the end
        occasion = Occasion("train_eval", split, step, 1.0, "v2")
        reporter.record_evaluation(evaluation(top1), occasion)
    reporter.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue().decode())
    assert "120/200" in shown and "epoch 3, loss 0.1234" in shown
    assert "validation accuracy 25.0 75.0 %, best 75.00% ▁█" in shown


def test_a_run_that_goes_on_shows_the_evaluations_before(terminal, monkeypatch, tmp_path):
    """Those of steps after its checkpoint are taken again, and a line was cut short."""
    monkeypatch.setenv("COLUMNS", "100")
    written = terminal("utf-8")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = [
        {"split": split, "step": step, "top1": top1}
        for split, step, top1 in (("val", 10, 0.5), ("val", 20, 0.6), ("test", 20, 0.1))
    ]
    text = "".join(f"{json.dumps(each)}\n" for each in [*lines, lines[0] | {"step": 30}])
    (tmp_path / "metrics.jsonl").write_text(text + '{"split": "va')
    reporter = Reporter(is_chief=True)
    reporter.open(tmp_path)
    reporter.start_training(200, 20)
    reporter.close()
    assert "validation accuracy 50.0 60.0 %, best 60.00%" in written.getvalue().decode()


def test_a_dumb_terminal_gets_lines(terminal, monkeypatch):
    terminal("utf-8")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert not Reporter(is_chief=True).shows_bar
    monkeypatch.setenv("TERM", "xterm")
    assert Reporter(is_chief=True).shows_bar
