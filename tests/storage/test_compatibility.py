"""A checkpoint that meets another front end than it was trained with, in every way that it can."""

import logging
import math

import pytest

import open_seq2seq
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.storage.compatibility import check_front_end
from open_seq2seq.storage.progress import RunInfo
from tests.support.paths import TINY

# another value of each key
OTHERS = {
    "features": "mfcc",
    "num_audio_features": 64,
    "num_mels": 160,
    "audio_length": 100,
    "sample_rate": 8000,
    "n_fft": 512,
    "win_length": 400,
    "hop_length": 160,
    "fmin": 20.0,
    "fmax": 7000.0,
    "frame_padding": "reflect",
    "pad_value": 0.0,
    "pad_side": "end",
}
# what a parameter that is left out stands for
SAME = {"win_length": 1024, "fmax": 8000.0, "pad_value": math.log(1e-5)}


def info(**changes):
    return RunInfo(labels=("a", "b"), **changes)


def test_every_key_of_the_front_end_is_compared():
    assert OTHERS.keys() == FrontEnd.model_fields.keys()
    trained = info(front_end=FrontEnd().in_effect())
    check_front_end(trained, FrontEnd(), "logdir: run")
    for name, value in OTHERS.items():
        given = {name: value} | ({"features": "mfcc"} if name == "num_mels" else {})
        if name == "sample_rate":
            given["fmax"] = 4000.0
        with pytest.raises(UserError, match=f"{name}=.*, now it is {value!r}"):
            check_front_end(trained, FrontEnd(**given), "logdir: run")


def test_what_stands_for_a_parameter_left_out_is_the_same_front_end():
    trained = info(front_end=FrontEnd().in_effect())
    fill = FrontEnd().fill_value
    assert math.isclose(fill, SAME["pad_value"], rel_tol=1e-6)
    check_front_end(trained, FrontEnd(**SAME | {"pad_value": fill}), "logdir: run")


def test_earlier_checkpoints_tell_by_their_architecture_or_not_at_all(caplog):
    architecture = {"data_layer_params": {"n_fft": 512}}
    with pytest.raises(UserError, match="n_fft=512, now it is 1024"):
        check_front_end(info(architecture=architecture), FrontEnd(), "logdir: run")
    with caplog.at_level(logging.INFO):
        check_front_end(info(), FrontEnd(), "logdir: run")
    assert "does not say which front end it was trained with: not compared" in caplog.text


def test_a_change_that_is_meant_is_allowed_and_warned_of(caplog):
    trained = info(front_end=FrontEnd().in_effect())
    front_end = FrontEnd(pad_value=0.0, hop_length=160)
    with pytest.raises(UserError, match=r"hop_length=125, now it is 160\n.*=\['hop_length'\]"):
        check_front_end(trained, front_end, "logdir: run", ["pad_value"])
    check_front_end(trained, front_end, "logdir: run", ["pad_value", "hop_length"])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "logdir: run was trained with hop_length=125, now it is 160" in caplog.text


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("front_end") / "run"
    assert run("train_eval", logdir, "--num_epochs=None", "--max_steps=1") == 0
    return logdir


MFCC = "--data_layer_params/features=mfcc"
REFUSED = r"was trained with another front end:\n  features='log_mel', now it is 'mfcc'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "args"),
    [
        ("eval", []),
        ("infer", []),
        ("train", ["--continue_learning", "--max_steps=2", "--num_epochs=None"]),
        ("train_eval", ["--no_dir_check", "--max_steps=2", "--num_epochs=None"]),
    ],
)
def test_a_run_refuses_its_checkpoint(run, trained, mode, args):
    before = sorted(path.stat().st_mtime_ns for path in trained.rglob("*"))
    with pytest.raises(UserError, match=f"logdir: .*{REFUSED}"):
        run(mode, trained, MFCC, *args)
    assert sorted(path.stat().st_mtime_ns for path in trained.rglob("*")) == before


def test_a_new_run_refuses_the_weights_of_another_one(run, trained, tmp_path):
    with pytest.raises(UserError, match=f"load_model: .*{REFUSED}"):
        run("train", tmp_path / "new", MFCC, f"--load_model={trained}")
    assert not (tmp_path / "new").exists()


def test_a_config_that_comes_with_a_model_is_compared_too(trained, tmp_path):
    config = tmp_path / "config.py"
    text = TINY.read_text().replace('{"num_readers": 1,', '{"features": "mfcc", "num_readers": 1,')
    config.write_text(text)
    with pytest.raises(UserError, match=REFUSED):
        open_seq2seq.from_pretrained(trained, config_file=str(config))


@pytest.mark.parametrize("mode", ["train_eval", "eval"])
def test_the_splits_of_a_run_have_one_front_end(run, trained, tmp_path, mode):
    logdir = trained if mode == "eval" else tmp_path / "run"
    with pytest.raises(UserError, match=r"test_params: .*_params has another front end"):
        run(mode, logdir, "--test_params/data_layer_params/fmax=4000.0")


def test_the_keys_that_may_change_are_keys_of_the_front_end(run, trained, capsys):
    args = ["--data_layer_params/pad_value=0.0", "--changed_front_end=['pad_value']"]
    assert run("eval", trained, *args) == 0
    out = capsys.readouterr().out
    assert "was trained with pad_value=-11.5" in out and "now it is 0.0" in out
    with pytest.raises(UserError, match="the front end has no padding; its keys are features,"):
        run("eval", trained, "--changed_front_end=['padding']")
