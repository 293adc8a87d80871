"""The commands of README and docs/ run: in the order of their page, on data of seconds.

Each page begins in a new copy of a reader's folder, so that no page needs what another one left.
What is shortened is said here. Commands that another test runs, or that need what a test machine
lacks, are named with the reason. Those of several processes run as one, without the launcher before
them; tests/distributed has the launcher.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import readers_folder
from tests.support.forked import fork, wait
from tests.support.paths import ROOT
from tests.test_documentation import blocks, commands, modules, named_blocks

GUIDES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]

# not run here; the reason says where else, or what is missing
ELSEWHERE = {
    r"^make ": "the Makefile; continuous integration calls it",
    r"^python -m (pytest|http.server)": "of others",
    r"^python (trials|benchmarks)/": "minutes to hours; results.md and reliability.md have figures",
    r"^open-seq2seq-phrase|detectors/|hey_lamp": "tests/phrase, with fewer voices",
    r"--mode=try": "tests/page",
    r"import-(nemo|openseq2seq)|result/imported|result/matchboxnet": "tests/importing",
    r"--trackers": "tests/storage",
    r"OTHER_LOGDIR": "names of others",
}
# pages whose commands are those of the measurements on them
MEASURED = {"docs/results.md", "docs/reliability.md", "docs/phrase.md"}
# need what the machine of a test may lack
NEEDS = {
    r"web .*--download": pytest.mark.network,  # that of a dataset finds clips in its folder
    r"microphone": pytest.mark.microphone,
}
# runs that pages have for granted, and what they are of
TRAINED = {
    "result/pretrained": ["--config_file=speech_commands/matchboxnet3x1x64"],
    "result/mine_own": ["--config_file=mine.py", "--dataset_location=data/own_manifests"],
}


def steps(number: int) -> tuple[str, ...]:
    return ("--num_epochs=None", f"--max_steps={number}", "--no_dir_check")


FEW_VOICES = ("--vocabulary=cat,tree,wow", "--synthetic_clips=3", "--synthetic_voices=8")
FEWER = {  # command, a flag that it must have, and what is shorter
    r"micro --mode=train": steps(40),  # what it says must outlive 8 bits
    r"^(?!.*micro).*--mode=train": steps(2),
    r"resnet50 --mode=train": ("--batch_size_per_gpu=4",),
    r"jasper10x3 --mode=train": ("--batch_size_per_gpu=1",),
    r"^open-seq2seq --config_file=\S+ (?!.*--mode)": (*steps(2), "--mode=train", "--logdir=new"),
    r"-prepare .*--negatives.*synthetic": FEW_VOICES,
    r"-prepare .*sentences": ("--sentence_minutes=1",),
    r"-synthesize .*--sentences": ("--sentences=1",),
    r"-synthesize (?!.*--words).*--clips_per_word": ("--clips_per_word=10", "--words=go,stop"),
    r"-synthesize .*--words": ("--clips_per_word=10",),
    r"-rooms ": ("--rooms=2",),
    r"-tracks .*--hours": ("--hours=0.01",),
    r"-mine ": ("--most=5",),
    r"--mode=detect .*--calibrate": ("--false_accepts_per_hour=1000",),
}
NAMES = {"LOGDIR": "result/demo", "DIR": "data/speech_commands/v0.02", "FILE": "track.wav"}
NAMES_OF = {"docs/troubleshooting.md": {"LOGDIR": "result/keywords"}}  # its tracks have these
OUTPUTS = ("--output_dir", "--export_dir", "--show_dir")
LONGEST_S = 600


def line_of(command: str, arguments: list[str]) -> str:
    return f"{command} {shlex.join(arguments)}"


def documented() -> list:
    """Every command of every guide, once, with the marks of what it needs."""
    seen, found = set(), []
    for page in GUIDES:
        for command, arguments in commands(ROOT / page):
            line = line_of(command, arguments)
            if not arguments or (page, line) in seen or page in MEASURED:
                continue
            seen.add((page, line))
            if any(re.search(pattern, line) for pattern in ELSEWHERE):
                continue
            marks = [mark for pattern, mark in NEEDS.items() if re.search(pattern, line)]
            found.append(pytest.param(page, command, arguments, marks=marks, id=f"{page}: {line}"))
    return found


def call(folder: str, module: str, arguments: list[str]) -> int | None:
    """Do what a command does, in a folder; in a process of its own."""
    os.setpgid(0, 0)  # with the processes that it starts, to be ended with them
    os.chdir(folder)
    if "<" in arguments:
        sys.stdin = open(arguments[-1], encoding="utf-8")  # noqa: SIM115
        arguments = arguments[: arguments.index("<")]
    return importlib.import_module(module).main(arguments)


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    (conversion, *_) = blocks(ROOT / "docs/from_nemo.md", "python")
    readers_folder.make(folder, conversion)
    return folder


@pytest.fixture(scope="module")
def folder_of(readers, tmp_path_factory) -> Callable[[str], Path]:
    """A function that gives the folder in which the reader of a page works."""
    return functools.cache(
        lambda page: shutil.copytree(readers, tmp_path_factory.mktemp(Path(page).stem) / "folder")
    )


def train(folder: Path, what: list[str], logdir: str) -> None:
    flags = [*what, "--mode=train", f"--logdir={logdir}", *steps(2)]
    output = folder / "output"
    process = fork(call, str(folder), "open_seq2seq.cli", flags, output=output)
    assert wait(process, LONGEST_S) == 0, output.read_text(errors="replace")


def provide(folder: Path, arguments: list[str]) -> None:
    """Give what a command uses the name that its page gives it: a run, and other speech."""
    is_training = any("--mode=train" in argument for argument in arguments)
    for argument in arguments:
        flag, _, value = argument.partition("=")
        name = value or argument
        is_new = flag == "--logdir" and is_training
        if name.startswith("result/") and not is_new and not (folder / name).exists():
            if name in TRAINED:
                train(folder, TRAINED[name], name)
            else:
                shutil.copytree(folder / readers_folder.RUN, folder / name)
        for speech in re.findall(r"data/[\w/-]*-sentences/\w+", argument):
            if not (folder / speech).exists():
                shutil.copytree(folder / "FOLDER", folder / speech)


def clear(folder: Path, arguments: list[str]) -> None:
    """Take away what an earlier command, or the folder's maker, has left where this one writes."""
    is_training = any("--mode=train" in each for each in arguments)
    for argument in arguments:
        flag, _, value = argument.partition("=")
        is_output = flag in OUTPUTS and value not in ("data", "data/lamp")
        is_run = flag == "--logdir" and is_training
        if (is_output or is_run) and value:
            shutil.rmtree(folder / value, ignore_errors=True)
        if flag == "--config_file" and is_training and "--logdir" not in " ".join(arguments):
            for own in (folder / "result").glob(f"*{Path(value).stem}"):  # the config's own
                shutil.rmtree(own)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command", "arguments"), documented())
def test_it_runs(folder_of, page, command, arguments):
    folder = folder_of(page)
    line = line_of(command, arguments)
    names = NAMES | NAMES_OF.get(page, {})
    arguments = [
        re.sub(r"\b(LOGDIR|DIR|FILE)\b", lambda m: names[m[0]], each) for each in arguments
    ]
    for pattern, flags in FEWER.items():
        if re.search(pattern, line):
            arguments += flags
    if "mine.py" in line:
        (folder / "mine.py").write_text(blocks(ROOT / "README.md", "python")[0])
    for name, program in named_blocks(ROOT / page).items():
        if name in line:
            (folder / name).write_text(program)
    provide(folder, arguments)
    clear(folder, arguments)
    output = folder / "output"
    output.unlink(missing_ok=True)
    process = fork(call, str(folder), modules()[command], arguments, output=output)
    try:
        assert wait(process, LONGEST_S) == 0, output.read_text(errors="replace")[-3000:]
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of the group are gone
            os.killpg(process.pid, signal.SIGKILL)


def test_what_is_left_out_is_there():
    lines = "\n".join(line_of(*each) for page in GUIDES for each in commands(ROOT / page))
    for pattern in {**NEEDS, **FEWER}:
        assert re.search(pattern, lines, re.MULTILINE), pattern
