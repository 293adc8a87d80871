"""The package as it is installed: metadata, commands, doors of the checkout, what a wheel holds."""

import importlib
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.support.paths import CONFIGS, ROOT

# what scripts/NAME.py and run.py open the door to
DOORS = {
    "run.py": "open_seq2seq.cli",
    "scripts/compare_runs.py": "open_seq2seq.commands.compare",
    "scripts/import_nemo.py": "open_seq2seq.commands.import_nemo",
    "scripts/import_openseq2seq.py": "open_seq2seq.commands.import_openseq2seq",
    "scripts/make_rooms.py": "open_seq2seq.commands.rooms",
    "scripts/make_synthetic_speech_commands.py": "open_seq2seq.commands.synthesize",
    "scripts/make_tracks.py": "open_seq2seq.commands.tracks",
    "scripts/mine_false_accepts.py": "open_seq2seq.commands.mine",
    "scripts/speech_commands_preprocessing.py": "open_seq2seq.commands.prepare",
}
COMMANDS = {
    "open-seq2seq": "open_seq2seq.cli:run",
    "open-seq2seq-compare": "open_seq2seq.commands.compare:run",
    "open-seq2seq-import-nemo": "open_seq2seq.commands.import_nemo:run",
    "open-seq2seq-import-openseq2seq": "open_seq2seq.commands.import_openseq2seq:run",
    "open-seq2seq-mine": "open_seq2seq.commands.mine:run",
    "open-seq2seq-phrase": "open_seq2seq.commands.phrase:run",
    "open-seq2seq-prepare": "open_seq2seq.commands.prepare:run",
    "open-seq2seq-rooms": "open_seq2seq.commands.rooms:run",
    "open-seq2seq-synthesize": "open_seq2seq.commands.synthesize:run",
    "open-seq2seq-tracks": "open_seq2seq.commands.tracks:run",
}


def run(*arguments, folder, package=ROOT):
    """Run Python in a folder, with the package of another one."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(package)},
        check=False,
    )


def test_every_command_of_the_metadata_can_be_called():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has none")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == COMMANDS
    for command in COMMANDS.values():
        module, _, function = command.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(("door", "module"), DOORS.items())
def test_a_door_of_the_checkout_leads_to_the_command(door, module, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        importlib.import_module(module).main(["--help"])
    expected = capsys.readouterr().out
    assert expected.startswith("usage: open-seq2seq")
    assert run(ROOT / door, "--help", folder=tmp_path).stdout == expected
    wrong = run(ROOT / door, "--output_dir=x", "--nonsense", folder=tmp_path)
    assert wrong.returncode == 2 and wrong.stdout == "" and "Traceback" not in wrong.stderr


@pytest.mark.parametrize("door", [door for door in DOORS if door.startswith("scripts/")])
def test_a_script_without_the_package_says_what_to_do(door, tmp_path):
    done = run("-I", "-S", ROOT / door, folder=tmp_path)  # without what is installed
    assert done.returncode == 1
    assert done.stderr == (
        "error: No module named 'open_seq2seq'; install it first: pip install --editable '.[cpu]'\n"
    )


def test_the_package_is_a_command_too(tmp_path):
    done = run("-m", "open_seq2seq", "--help", folder=tmp_path)
    assert done.returncode == 0 and "--list_configs" in done.stdout
    done = run("-m", "open_seq2seq", "--config_file=resnet", folder=tmp_path)
    assert done.returncode == 2 and "speech_commands/resnet50" in done.stderr
    assert "Traceback" not in done.stderr


def test_configs_are_listed_at_once(tmp_path):
    code = (
        "import atexit, runpy, sys; sys.argv = ['x', '--list_configs']\n"
        "atexit.register(lambda: print(*{'tensorflow', 'pandas', 'pydantic'} & {*sys.modules}))\n"
        "runpy.run_module('open_seq2seq', run_name='__main__')"
    )
    done = run("-c", code, folder=tmp_path)
    *lines, heavy = done.stdout.splitlines()
    assert done.returncode == 0 and heavy == "", done.stderr
    assert [line.split()[0] for line in lines] == [f"speech_commands/{c.stem}" for c in CONFIGS]


@pytest.fixture(scope="module")
def wheel_content(tmp_path_factory):
    """A folder with what a wheel of the checkout holds."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("open_seq2seq", "example_configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    code = "from setuptools import build_meta; build_meta.build_wheel('..')"
    done = run("-c", code, folder=folder / "source")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "content")
    return folder / "content"


def test_a_wheel_holds_configs_registry_and_commands(wheel_content):
    for config in CONFIGS:
        assert (wheel_content / config.relative_to(ROOT)).read_bytes() == config.read_bytes()
    assert (wheel_content / "example_configs/speech_commands/common.py").is_file()
    assert (wheel_content / "open_seq2seq/pretrained/pretrained_models.json").is_file()
    assert (wheel_content / "open_seq2seq/synthetic/common_words.txt").is_file()
    page = {path.name for path in (wheel_content / "open_seq2seq/page").iterdir()}
    assert {"live.js", "recording.js", "page.css"} < page
    exporting = ROOT / "open_seq2seq" / "exporting"
    pages = [*(exporting / "web_page").iterdir(), *(exporting / "runtimes").glob("*.mjs")]
    assert len(pages) > 10
    for file in pages:
        assert (wheel_content / file.relative_to(ROOT)).read_bytes() == file.read_bytes()
    assert not (wheel_content / "tests").exists()
    (metadata,) = wheel_content.glob("*.dist-info")
    entry_points = (metadata / "entry_points.txt").read_text().splitlines()
    for name, target in COMMANDS.items():
        assert f"{name} = {target}" in entry_points


def test_a_shipped_config_runs_from_a_wheel(wheel_content, tmp_path):
    name = "speech_commands/bcresnet"
    done = run(
        "-m", "open_seq2seq", f"--config_file={name}", folder=tmp_path, package=wheel_content
    )
    assert done.returncode == 2
    # as far as without data
    assert "data/speech_commands/v2-12-labels.txt" in done.stderr
