"""The example configs, by name and from any folder."""

import logging

import pytest

from open_seq2seq.config import load_config
from open_seq2seq.config.shipped import find_config_file, shipped_configs
from open_seq2seq.errors import UserError
from tests.support.paths import EXAMPLES

NAMES = [
    "speech_commands/bcresnet",
    "speech_commands/demo",
    "speech_commands/detector",
    "speech_commands/detector_micro",
    "speech_commands/jasper10x3",
    "speech_commands/jasper_mini",
    "speech_commands/matchboxnet3x1x64",
    "speech_commands/matchboxnet3x2x64",
    "speech_commands/matchboxnet_stream",
    "speech_commands/micro",
    "speech_commands/resnet50",
]


@pytest.fixture(autouse=True)
def another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_recipes_are_listed_with_a_whole_sentence_each():
    configs = shipped_configs()  # common.py is none of them
    assert [config.name for config in configs] == NAMES
    assert all(config.summary.endswith(".") for config in configs)
    assert configs[-1].summary == (
        "ResNet-50 on Speech Commands: OpenSeq2Seq's recipe, 23.5 M parameters."
    )


@pytest.mark.parametrize(
    "name",
    [
        "speech_commands/resnet50",
        "speech_commands/resnet50.py",
        "example_configs/speech_commands/resnet50",
        "example_configs/speech_commands/resnet50.py",
    ],
)
def test_a_shipped_config_is_found_from_another_folder_and_named(name, caplog):
    path = str(EXAMPLES / "resnet50.py")
    with caplog.at_level(logging.INFO, logger="open_seq2seq"):
        config = load_config(name, "train", {"dataset_version": "v2"})
    assert config.params.logdir == "result/v2-resnet50"
    assert caplog.messages == [f"{name}: the shipped config {path}"]


@pytest.mark.parametrize("name", ["speech_commands/resnet50", "speech_commands/resnet50.py"])
def test_a_file_that_exists_wins(name, tmp_path, caplog):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).touch()
    with caplog.at_level(logging.INFO, logger="open_seq2seq"):
        assert find_config_file(name) == name
    assert not caplog.messages


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("resnet50", r"did you mean speech_commands/resnet50 or speech_commands/bcresnet\?"),
        ("speech_commands/jasper_mimi", r"did you mean speech_commands/jasper_mini"),
        ("example_configs/matchboxnet3x1x64.py", r"did you mean speech_commands/matchboxnet3x1x64"),
        ("speech_commands/common", "open-seq2seq --list_configs lists them"),
        ("/nowhere/speech_commands/xyz.py", "open-seq2seq --list_configs lists them"),
        ("", "open-seq2seq --list_configs lists them"),
        ("\0", "open-seq2seq --list_configs lists them"),
    ],
)
def test_what_is_neither_a_file_nor_a_shipped_config_is_answered_with_the_closest(name, advice):
    with pytest.raises(UserError, match=f"--config_file: {name}: no such file, .*; {advice}"):
        find_config_file(name)
