"""Where log records of a run go: terminal, run.log, or nowhere."""

import logging
import re
import sys

import pytest

from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.system.terminal import logging_to

LOGGER = logging.getLogger("open_seq2seq.somewhere")


@pytest.fixture
def log_all(tmp_path):
    """Return a function that logs at every level, before and after the logdir is opened."""

    def log_all(*, is_chief):
        reporter = Reporter(is_chief=is_chief)
        with logging_to(reporter):
            LOGGER.info("early %s", "info")
            LOGGER.debug("early debug")
            reporter.open(tmp_path / "run")
            LOGGER.debug("late debug")
            LOGGER.warning("late warning")
            reporter.close()
        LOGGER.warning("after the end")
        return tmp_path / "run" / "run.log"

    return log_all


def test_the_terminal_shows_info_and_above_and_run_log_has_all(log_all, capsys):
    path = log_all(is_chief=True)
    assert capsys.readouterr().out == "early info\nlate warning\n"
    lines = path.read_text().splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "early info",
        "early debug",
        "late debug",
        "late warning",
    ]


def test_other_ranks_are_silent_and_write_nothing(log_all, capsys):
    path = log_all(is_chief=False)
    assert capsys.readouterr().out == ""
    assert not path.parent.exists()


def test_the_packages_logger_is_as_before_afterwards(log_all):
    logger = logging.getLogger("open_seq2seq")
    before = logger.level, logger.propagate, list(logger.handlers)
    log_all(is_chief=True)
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_one_run_after_another_logs_into_its_own_file(tmp_path):
    reporter = Reporter(is_chief=True)
    with logging_to(reporter):
        for name in ("one", "other"):
            reporter.open(tmp_path / name)
            LOGGER.info(name)
            reporter.close()
    for name in ("one", "other"):
        assert (tmp_path / name / "run.log").read_text().endswith(f"  {name}\n")
        assert len((tmp_path / name / "run.log").read_text().splitlines()) == 1


def test_a_narrow_terminal_without_unicode_gets_a_line_that_fits(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    written = terminal("ascii")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    reporter = Reporter(is_chief=True)
    reporter.start_bar(total=9)
    reporter.move_bar(9, "loss 2.4024, lr 0.0117, 1,234,567 clips/s")
    with logging_to(reporter):
        LOGGER.info("sample: label 犬 :dog: [red]")
    reporter.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue().decode())
    lines = re.split(r"[\r\n]+", shown)
    assert r"sample: label \u72ac :dog: [red]" in lines
    assert "step 9/9 loss 2.4024, lr 0.0117, 1,234,5" in lines  # 40 characters


def test_without_a_logdir_lines_do_not_pile_up(tmp_path):
    reporter = Reporter(is_chief=True)
    with logging_to(reporter):
        for number in range(10_500):
            LOGGER.debug("line %d", number)
        reporter.open(tmp_path / "run")
        reporter.close()
    lines = (tmp_path / "run" / "run.log").read_text().splitlines()
    assert [len(lines), lines[0].split("  ")[1], lines[-1].split("  ")[1]] == [
        10_000, "line 500", "line 10499",
    ]  # fmt: skip
