"""What commands print: on any terminal, and as it is."""

import argparse
import io
import os
import pty
import subprocess
import sys

import pytest

from open_seq2seq import cli
from open_seq2seq.system.help_text import HelpFormatter
from open_seq2seq.system.terminal import complain, console, escaping, run_command, say

NAME = "犬\udce9 :dog: [red]x[/red].wav"


@pytest.mark.parametrize(
    ("encoding", "dog"),
    [
        ("ascii", rb"\u72ac"),
        ("latin-1", rb"\u72ac"),
        ("utf-8", "犬".encode()),
        ("shift-jis", "犬".encode("shift-jis")),
    ],
)
@pytest.mark.parametrize(
    "write", [say, complain, lambda line: console().print(line, soft_wrap=True)]
)
def test_what_an_encoding_lacks_is_escaped_and_nothing_else_changed(terminal, write, encoding, dog):
    written = terminal(encoding)
    write(NAME)
    assert written.getvalue() == dog + rb"\udce9 :dog: [red]x[/red].wav" + b"\n"


@pytest.mark.parametrize(("in_notebook", "is_terminal"), [(False, True), (True, False)])
def test_a_cell_of_a_notebook_is_no_terminal(monkeypatch, in_notebook, is_terminal):
    """Jupyter gives a command of a cell a terminal, and asks for colours."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("FORCE_COLOR", "1")
    if in_notebook:
        monkeypatch.setenv("JPY_PARENT_PID", "1")
    with open(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert console().is_terminal is is_terminal
    os.close(ours)


def test_colours_that_are_asked_for_make_no_terminal(monkeypatch, terminal):
    terminal("utf-8")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not console().is_terminal


def test_argparse_can_print_any_name(terminal):
    written = terminal("ascii")
    parser = argparse.ArgumentParser(prog="p", description="犬")
    for line in (["--help"], [NAME]):
        with pytest.raises(SystemExit):
            run_command(lambda line=line: parser.parse_args(line))
    assert written.getvalue().count(rb"\u72ac") == 2


def test_a_path_that_cannot_be_used_is_told_in_a_line(tmp_path, capsys):
    path = tmp_path / ("a" * 300)
    with pytest.raises(SystemExit) as ended:
        run_command(path.read_text)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {path}: File name too long; name another path\n"
    with pytest.raises(FileNotFoundError):  # of a file of ours: a fault
        run_command((tmp_path / "a").read_text)


def test_a_stream_without_an_encoding_stays_as_it_is():
    stream = io.StringIO()
    assert escaping(stream) is stream


@pytest.mark.parametrize("width", [40, 100])
def test_help_breaks_no_name_and_no_command(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = cli.make_parser().format_help()
    for word in (
        "speech_commands/resnet50",
        "--encoder_params/resnet_size=18,",
        "--eval_params/data_layer_params/cache_data=False.",
    ):
        assert word in text
    options = text.split("\n\n", 1)[1]  # after the usage, which argparse alone lays out
    prose = [line for line in options.splitlines() if " " in line.strip()]
    assert max(map(len, prose)) <= width


def test_commands_in_a_description_keep_their_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    description = (
        "Prose that is longer than\na line is.\n\n    do --this \\\n        --and=that\n\nMore."
    )
    parser = argparse.ArgumentParser(
        prog="p", usage="p", description=description, formatter_class=HelpFormatter, add_help=False
    )
    assert parser.format_help() == (
        "usage: p\n\nProse that is longer than a\nline is.\n\n"
        "    do --this \\\n        --and=that\n\nMore.\n"
    )


@pytest.mark.parametrize(
    ("given", "n_threads"),
    [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2), ({"OMP_NUM_THREADS": "2"}, 2)],
)
def test_a_command_multiplies_in_one_thread_unless_told_otherwise(given, n_threads):
    code = (
        "from open_seq2seq.system.terminal import run_command\n"
        "def main():\n"
        "    import numpy, threadpoolctl\n"
        "    print({each['num_threads'] for each in threadpoolctl.threadpool_info()})\n"
        "run_command(main)"
    )
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    others = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code], env=others | given, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{{{n_threads}}}\n"
