"""The documentation: what it names exists, its commands parse, and its examples run as printed."""

import argparse
import ast
import functools
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from open_seq2seq import cli
from open_seq2seq.commands import mine, phrase, tracks
from open_seq2seq.config import load_config
from open_seq2seq.config.run_params import RunParams
from tests.support.paths import ROOT

PACKAGE = ROOT / "open_seq2seq"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
each_page = pytest.mark.parametrize("page", PAGES, ids=IDS)

# files that readers make, or that commands make for them
THEIR_FILES = {
    "mine.py",
    "large.py",
    "config.py",
    "result/matchboxnet/config.py",
    "detectors/hey_lamp/config.py",
}
# flags of argparse, http.server and horovodrun
FLAGS_OF_OTHERS = {
    "--bind",
    "--help",
    "--blacklist-cooldown-range",
    "--elastic-timeout",
    "--gloo",
    "--host-discovery-script",
    "--max-np",
    "--min-np",
    "--network-interface",
}
# what stands for a reader's choice, and one choice
PLACEHOLDERS = {
    "--config_file=CONFIG": "--config_file=speech_commands/demo",
    "CONFIG.py": "demo.py",
    "=SEED": "=0",
    "=VERSION": "=v2",
}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_PYTHON_FILE = re.compile(r"[\w./-]*\w\.py\b")
_FOLDERS = ("benchmarks", "docs", "example_configs", "open_seq2seq", "scripts", "tests", "trials")
_PATH = re.compile(rf"\b(?:{'|'.join(_FOLDERS)})/[\w./-]*\w/?")
_FLAG = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*")
_INLINE_CODE = re.compile(r"`([^`]*)`")
_ENTRY_POINT = re.compile(r'^(open-seq2seq[\w-]*) = "([\w.]+):\w+"$', re.MULTILINE)


@functools.cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page that are marked with a language."""
    return [text for mark, text in _FENCE.findall(text_of(page)) if mark == language]


def named_blocks(page: Path) -> dict[str, str]:
    """The Python blocks that follow a line with a file's name, by that name."""
    text = text_of(page)
    return dict(re.findall(r"`([\w/.]+\.py)`[^\n]*:\n\n```python\n(.*?)```", text, re.DOTALL))


EXAMPLE = named_blocks(ROOT / "docs" / "adding_a_model.md")


# what pages name


@functools.cache
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = _HEADING.findall(_FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page):
    for target, anchor in _LINK.findall(_FENCE.sub("", text_of(page))):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"({target})"
        assert not anchor or anchor in anchors(path), f"({target}#{anchor})"


@functools.cache
def file_names() -> set[str]:
    """The names of all Python files of the repository."""
    paths = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {path.name for path in (*paths, *ROOT.glob("*.py"))}


@each_page
def test_files_and_folders_exist(page):
    text = text_of(page)
    for name, choice in PLACEHOLDERS.items():
        text = text.replace(name, choice)
    theirs = THEIR_FILES | EXAMPLE.keys() | {Path(name).name for name in EXAMPLE}
    for name in {*_PYTHON_FILE.findall(text), *_PATH.findall(text)} - theirs:
        is_there = (ROOT / name).exists() or (PACKAGE / name).exists()
        assert is_there or name in file_names(), name


@functools.cache
def flags_of(script: Path) -> set[str]:
    """The flags that a script gives to its parser, read without running it."""
    calls = [node for node in ast.walk(ast.parse(text_of(script))) if isinstance(node, ast.Call)]
    calls = [call for call in calls if getattr(call.func, "attr", "") == "add_argument"]
    return {argument.value for call in calls for argument in call.args}


@functools.cache
def known_flags() -> set[str]:
    scripts = [PACKAGE / "cli.py"]
    for folder in (PACKAGE / "commands", ROOT / "trials", ROOT / "benchmarks"):
        scripts += folder.glob("*.py")
    overlays = {f"--{section}_params" for section in ("train", "eval", "test", "infer")}
    parameters = {f"--{name}" for name in RunParams.model_fields}
    of_modes = set(cli.make_parser(for_help=True)._option_string_actions)
    for command in (mine, phrase, tracks):  # their flags are parameters of classes too
        of_modes |= set(command.make_parser()._option_string_actions)
    return overlays.union(parameters, of_modes, FLAGS_OF_OTHERS, *map(flags_of, scripts))


@each_page
def test_flags_exist(page):
    assert set(_FLAG.findall(text_of(page))) <= known_flags()


# commands


@functools.cache
def modules() -> dict[str, str]:
    """The modules whose ``main`` does what a command says, by the command."""
    found = dict(_ENTRY_POINT.findall(text_of(ROOT / "pyproject.toml")))
    for script in (ROOT / "run.py", *(ROOT / "scripts").glob("*.py")):
        name = script.relative_to(ROOT)
        (found[f"python {name}"],) = re.findall(r"from (\S+) import run", text_of(script))
    return found | {"python -m open_seq2seq": found["open-seq2seq"]}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The commands of a page, each without the launcher before it, and their arguments."""
    text = text_of(page).replace("\\\n", " ")
    lines = [
        line for mark, block in _FENCE.findall(text) for line in block.splitlines() if not mark
    ]
    for line in [*lines, *_INLINE_CODE.findall(_FENCE.sub("", text))]:
        for name, choice in PLACEHOLDERS.items():
            line = line.replace(name, choice)
        command = re.search(r"^(?:horovodrun .*)?((?:open-seq2seq|python|make)\S* .*)", line)
        if command:
            # in CONTRIBUTING a description follows
            words = shlex.split(re.split(r"\s{3,}\w", command[1])[0])
            n = {"python": 2}.get(words[0], 1) + (words[1] == "-m")
            yield " ".join(words[:n]), words[n:]


class Parsed(Exception):
    """A command has understood its flags."""


def check_run(arguments: list[str], their_config: Path) -> None:
    """Check flags and parameters as a run itself does."""
    flags, texts = cli.parse(arguments)
    if flags.list_configs:
        return
    if flags.config_file in THEIR_FILES:
        flags.config_file = str(their_config)
    cli.read(flags, texts)


def check_trial(path: Path, arguments: list[str]) -> None:
    """Check the flags of a trial or a benchmark without running it."""
    flags = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
    assert flags <= flags_of(path)
    for argument in arguments:
        assert not argument.endswith(".py") or (ROOT / argument).is_file()


@pytest.fixture
def their_config(tmp_path) -> Path:
    """The config that the README shows."""
    path = tmp_path / "mine.py"
    path.write_text(blocks(ROOT / "README.md", "python")[0])
    return path


@each_page
def test_commands_parse(page, their_config, monkeypatch):
    monkeypatch.chdir(ROOT)
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_stop(*args, **kwargs):
        parse_args(*args, **kwargs)
        raise Parsed

    for command, arguments in commands(page):
        print(command, shlex.join(arguments))  # shown where one fails
        module = modules().get(command)
        if module is not None and not arguments:
            continue  # it is named, not called
        if module == "open_seq2seq.cli":
            check_run(arguments, their_config)
        elif module is not None:
            with monkeypatch.context() as patch, pytest.raises(Parsed):
                patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
                importlib.import_module(module).main(arguments)
        elif command == "make":
            targets = re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
            assert {name for name in arguments if "=" not in name} <= set(targets)
        elif command not in ("python -m pytest", "python -m http.server"):
            check_trial(ROOT / command.removeprefix("python "), arguments)


# examples


@each_page
def test_python_and_json_are_well_formed(page):
    for block in blocks(page, "python"):
        ast.parse(block)
    for block in blocks(page, "json"):
        json.loads(block)


@pytest.mark.parametrize("mode", ["train", "train_eval", "eval", "infer"])
def test_config_of_the_readme_loads_in_every_mode(mode, their_config):
    config = load_config(str(their_config), mode, {})
    assert (config.params.logdir, config.params.num_epochs) == ("result/mine", 30)
    (manifest,) = config.data_layers["train"].dataset_files
    assert manifest == "data/speech_commands/keywords-train.csv"


def test_readme_is_short():
    assert len(text_of(ROOT / "README.md").splitlines()) <= 130


def test_config_with_a_hook_adds_it(after_step: list[Callable], tmp_path):
    pages_blocks = blocks(ROOT / "docs" / "training.md", "python")
    (config,) = (block for block in pages_blocks if "log_large_gradient" in block)
    (tmp_path / "config.py").write_text(config)
    n_before = len(after_step)
    load_config(str(tmp_path / "config.py"), "train", {})
    assert [hook.__name__ for hook in after_step[n_before:]] == ["log_large_gradient"]


def test_the_teacher_is_larger_and_hears_the_same(tmp_path):
    teacher = named_blocks(ROOT / "docs" / "training.md")["large.py"]
    (tmp_path / "large.py").write_text(teacher)
    large = load_config(str(tmp_path / "large.py"), "eval", {})
    small = load_config("speech_commands/micro", "eval", {})
    assert large.data_layers["eval"] == small.data_layers["eval"]
    widths = [
        [layer.num_channels for layer in config.encoder.convnet_layers] for config in (large, small)
    ]
    assert widths[0] == [2 * width for width in widths[1]]


def test_every_room_is_in_the_layout():
    layout = next(text for text in blocks(ROOT / "CONTRIBUTING.md", "") if "cli.py" in text)
    described = set()
    for line in layout.splitlines()[1:]:
        described.update(re.split(r"\s{2,}", line.strip())[0].split() if line[2] != " " else ())
    rooms = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert described == rooms | {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}


@pytest.mark.long
def test_the_worked_example_passes_its_own_tests(tmp_path):
    for name in ("open_seq2seq", "example_configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    init = "open_seq2seq/encoders/__init__.py"
    assert init in EXAMPLE and len(EXAMPLE) == 4
    for name, text in EXAMPLE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == init:  # printed are the lines that change
            import_line = text.splitlines()[0]
            (public,) = re.findall(r'"(\w+)"', text)
            text = f"{path.read_text()}\n{import_line}\n__all__ += [{public!r}]\n"
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
