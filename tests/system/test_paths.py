"""Paths that a user gives: the home folder, as a shell finds it."""

import argparse
import os
import pwd
from pathlib import Path
from typing import get_type_hints

import pydantic
import pytest

from open_seq2seq import cli
from open_seq2seq.commands import import_nemo, import_openseq2seq, prepare, synthesize
from open_seq2seq.config import load_config
from open_seq2seq.config.overrides import parse_values
from open_seq2seq.config.reference import parameter_classes
from open_seq2seq.errors import UserError
from open_seq2seq.pretrained import registry
from open_seq2seq.system.paths import expand_home, user_path
from tests.support.paths import TINY

# what the descriptions of parameters that are paths speak of
_FILES = ("folder", "file with", "manifests, ", "logdir or")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("~", "{home}"),
        ("~/a/b", "{home}/a/b"),
        ("./~/a", "./~/a"),
        ("a/~/b", "a/~/b"),
        ("~no such user/a", "~no such user/a"),
        ("~a.wav", "~a.wav"),
        ("", ""),
        (Path("~/a"), "{home}/a"),
    ],
)
def test_a_leading_tilde_is_the_home_folder(home, path, expanded):
    assert expand_home(path) == expanded.format(home=home)
    assert expand_home(expand_home(path)) == expand_home(path)


def test_the_home_folder_of_another_user():
    user = pwd.getpwuid(os.getuid())
    assert user_path(f"~{user.pw_name}/a") == Path(user.pw_dir, "a")


def test_no_home_folder_is_an_error(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    with pytest.raises(UserError, match=r"~/a: this user has no home folder; set .* HOME"):
        expand_home("~/a")
    assert expand_home("a") == "a"


def is_path(description):
    return any(word in description.lower() for word in _FILES)


def test_every_parameter_that_is_a_path_is_expanded(home):
    """By their descriptions, so that a new one is found too."""
    keys = set()
    for cls in parameter_classes():
        types = get_type_hints(cls, include_extras=True)
        for key, field in cls.model_fields.items():
            if "str" not in str(field.annotation) or not is_path(field.description):
                continue
            keys.add(key)
            value, expected = "~/x", f"{home}/x"
            if "list" in str(field.annotation):
                value, expected = [value], [expected]
            assert pydantic.TypeAdapter(types[key]).validate_python(value) == expected, key
    assert keys == {
        "logdir",
        "dataset_location",
        "load_model",
        "dataset_files",
        "labels_file",
        "cache_dir",
        "background_noise",
        "background_speech",
        "room_responses",
        "recordings",
        "teacher",
    }


def test_a_config_and_the_command_line_can_name_the_home_folder(home):
    texts = {
        "logdir": "~/r",
        "dataset_location": "~/d",
        "data_layer_params/labels_file": "~/l.txt",
        "data_layer_params/cache_dir": "~",
        "train_params/data_layer_params/dataset_files": "['~/t.csv', 'relative.csv']",
    }
    (home / "c.py").write_text(TINY.read_text() + "\nbase_params['load_model'] = '~/other'\n")
    config = load_config("~/c.py", "train_eval", parse_values(texts))
    assert config.params.logdir == f"{home}/r"
    assert config.params.load_model == f"{home}/other"
    train = config.data_layers["train"]
    assert train.dataset_files == [f"{home}/t.csv", "relative.csv"]
    assert train.labels_path == home / "l.txt"
    assert train.cache_dir == str(home)
    assert config.data_layers["eval"].dataset_files == [f"{home}/d/v2-12-val.csv"]


@pytest.mark.parametrize(
    ("parse", "line", "names"),
    [
        (
            lambda line: cli.parse(line)[0],
            "--config_file=c --mode=infer --infer_output_file=~/x",
            ["infer_output_file"],
        ),
        (prepare._parse, "--data_dir=~/x --output_dir=~/x", ["data_dir", "output_dir"]),
        (synthesize._parse, "--output_dir=~/x", ["output_dir"]),
        (
            import_nemo._parse,
            "~/x --output_dir=~/x --labels_file=~/x",
            ["archive", "output_dir", "labels_file"],
        ),
        (
            lambda line: import_openseq2seq._make_parser().parse_args(line),
            "~/x --config_file=c --output_dir=~/x --labels_file=~/x",
            ["checkpoint", "output_dir", "labels_file"],
        ),
    ],
)
def test_every_flag_that_is_a_path_is_expanded(home, parse, line, names):
    flags: argparse.Namespace = parse(line.split())
    assert {name: getattr(flags, name) for name in names} == dict.fromkeys(names, home / "x")
    assert not [value for value in vars(flags).values() if value == Path("~/x")]


def test_models_are_found_in_the_home_folder(home, monkeypatch):
    (home / "run").mkdir()
    assert registry.locate("~/run", download=False) == home / "run"
    (home / "models.json").write_text('{"lamp": {"path": "~/run"}}')
    monkeypatch.setenv("OPEN_SEQ2SEQ_REGISTRY", "~/models.json")
    assert registry.locate("lamp", download=False) == home / "run"
