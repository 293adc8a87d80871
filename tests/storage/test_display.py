"""What somebody at a terminal sees of a training run."""

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
    for split, top1 in (("val", 0.25), ("val", 0.75), ("test", 0.5)):
        reporter.record_evaluation(evaluation(top1), Occasion("train_eval", split, 9, 1.0, "v2"))
    reporter.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue().decode())
    assert "120/200" in shown and "epoch 3, loss 0.1234" in shown
    assert "validation accuracy 25.0 75.0 %, best 75.00% ▁█" in shown
