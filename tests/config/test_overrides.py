"""Flags of a command and parameters of the config, told apart on the command line."""

import argparse

import pytest

from open_seq2seq.config.overrides import parse_arguments
from open_seq2seq.errors import UserError


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--name")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--level", nargs="?", const="high")
    parser.add_argument("files", nargs="*")
    return parser


@pytest.mark.parametrize(
    ("line", "flags", "overrides"),
    [
        ("--name=a --x=1", {"name": "a"}, {"x": "1"}),
        ("--x 1 --name a", {"name": "a"}, {"x": "1"}),
        ("--a/b/c=1=2 --x=", {}, {"a/b/c": "1=2", "x": ""}),
        ("--x=1 --x=2", {}, {"x": "2"}),
        ("f --quiet g --x 1 h", {"quiet": True, "files": ["f", "g", "h"]}, {"x": "1"}),
        ("--level f", {"level": "high", "files": ["f"]}, {}),
        ("--level=low --x -1", {"level": "low"}, {"x": "-1"}),
        ("--nam=a", {}, {"nam": "a"}),  # no abbreviation of --name
    ],
)
def test_flags_and_parameters_are_told_apart(parser, line, flags, overrides):
    defaults = {"name": None, "quiet": False, "level": None, "files": []}
    found_flags, found_overrides = parse_arguments(parser, line.split())
    assert vars(found_flags) == defaults | flags
    assert found_overrides == overrides


@pytest.mark.parametrize("line", ["--x", "--x --quiet", "f --x --y=1"])
def test_a_parameter_without_value_is_an_error(parser, line):
    with pytest.raises(UserError, match="--x: expected a value, as in --x=VALUE"):
        parse_arguments(parser, line.split())


@pytest.mark.parametrize("line", ["--name", "--quiet=1", "-q"])
def test_a_flag_that_is_used_wrongly_is_an_error(parser, line, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(parser, line.split())
    assert stopped.value.code == 2
    assert line.split("=")[0] in capsys.readouterr().err
