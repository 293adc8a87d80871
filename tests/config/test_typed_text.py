"""Values of the command line: what a parameter is decides what its text means."""

import os
from collections.abc import Callable
from typing import Any, Literal

import pytest

from open_seq2seq.components import PathText
from open_seq2seq.config import load_config
from open_seq2seq.config.overrides import parse_values
from open_seq2seq.config.typed_text import read_text
from open_seq2seq.errors import UserError
from tests.support.paths import EXAMPLES, TINY

LATIN = os.fsdecode(b"caf\xe9")  # a name that is not UTF-8


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        # text, whatever it looks like
        (str, "20261125", "20261125"),
        (str, "2026_11_25", "2026_11_25"),
        (str, "1e-3", "1e-3"),
        (str, "007", "007"),
        (str, "None", "None"),
        (str, "True", "True"),
        (str, "[1, 2]", "[1, 2]"),
        (str, "{}", "{}"),
        (str, " 5 ", " 5 "),
        (str, "1" + "0" * 5000, "1" + "0" * 5000),
        (str, "'quoted'", "quoted"),
        (str, LATIN, LATIN),
        (PathText, "20261125", "20261125"),
        (str | None, "5", "5"),
        (str | None, "False", "False"),
        (PathText | None, "1.0", "1.0"),
        (Literal["a", "16"], "16", "16"),
        (str | Callable, "3", "3"),
        # no text
        (str | None, "None", None),
        (int, "5", 5),
        (float, "1e-3", 1e-3),
        (float, "2", 2),
        (bool, "True", True),
        (int | None, "None", None),
        (bool | Literal["images"], "False", False),
        (bool | Literal["images"], "images", "images"),
        (float | Literal["Backoff"], "128", 128),
        (Literal[18, 34], "18", 18),
        (dict[str, Any], "{'a': 1}", {"a": 1}),
        (Any, "[0.5, None]", [0.5, None]),
        (list[int], "[1, 2]", [1, 2]),
        # lists of text
        (list[str], "['a', 'b']", ["a", "b"]),
        (list[str], "[2026_11_25, 'b', None]", ["2026_11_25", "b", "None"]),
        (list[PathText], " [1e-3]", ["1e-3"]),
        (list[str], f"['{LATIN}']", [LATIN]),
        (list[Literal["a", "1"]], "[1]", ["1"]),
        (list[str], "[loss_scale, ~/a b.csv, 01.csv]", ["loss_scale", "~/a b.csv", "01.csv"]),
        (list[str], """['a, b', "it's", c,]""", ["a, b", "it's", "c"]),
        (list[str], "[]", []),
        (list[str] | None, "None", None),
        # what does not fit is refused later, with the value in the message
        (int, "two", "two"),
        (int, "1.5", 1.5),
        (bool, "1", 1),
        (list[str], "a.csv", "a.csv"),
        (list[str], "['a', , b]", "['a', , b]"),
        (list[str], "[it's]", "[it's]"),
        (list[int], "['a']", ["a"]),
    ],
)
def test_the_type_decides(annotation, text, value):
    read = read_text(text, annotation)
    assert read == value and type(read) is type(value)


def load(**texts):
    keys = {key.replace("__", "/"): text for key, text in texts.items()}
    return load_config(str(TINY), "train_eval", parse_values(keys))


def test_parameters_at_every_depth_are_read_so():
    config = load(
        logdir="20261125",
        load_model="1e-3",
        dataset_location="2026_11",
        freeze_variables_regex="5",
        early_stopping_params__metric="recall/1",
        early_stopping_params__patience="2",
        data_layer_params__dataset_files="[1.50, 2]",
        data_layer_params__background_noise="7",
        eval_params__data_layer_params__labels_file="8",
        train_params__data_layer_params__cache_dir="None",
        eval_params__data_layer_params__cache_dir="True",
        max_steps="10",
        num_epochs="None",
        encoder_params__n_hidden="7",
        lr_policy_params__learning_rate="1e-3",
        data_layer_params__cache_data="True",
    )
    p, train, evaluated = config.params, config.data_layers["train"], config.data_layers["eval"]
    assert (p.logdir, p.load_model, p.dataset_location) == ("20261125", "1e-3", "2026_11")
    assert (p.freeze_variables_regex, p.max_steps, p.num_epochs) == ("5", 10, None)
    assert (p.early_stopping_params.metric, p.early_stopping_params.patience) == ("recall/1", 2)
    assert (train.dataset_files, train.background_noise) == (["1.50", "2"], "7")
    assert (train.cache_dir, train.cache_data) == (None, True)
    assert (evaluated.labels_file, evaluated.cache_dir) == ("8", "True")
    assert config.encoder.n_hidden == 7
    assert config.lr_policy(global_step=0, decay_steps=10) == 1e-3


def test_the_parameters_of_a_part_named_on_the_command_line_have_its_types():
    config = load_config(
        str(EXAMPLES / "resnet50.py"),
        "train",
        parse_values({"optimizer_params": "{}", "optimizer": "Adam", "loss_scaling": "Backoff"}),
    )
    assert type(config.optimizer).__name__ == "Adam"
    assert type(config.loss_scaling).__name__ == "Backoff"


def test_a_function_of_the_users_own_says_what_its_arguments_are(tmp_path):
    (tmp_path / "c.py").write_text(
        TINY.read_text()
        + "\ndef policy(global_step, name: str, rate=0.1):\n    return name, rate"
        + "\nbase_params |= {'lr_policy': policy, 'lr_policy_params': {'name': 'x'}}\n"
    )
    texts = {"lr_policy_params/name": "5", "lr_policy_params/rate": "0.5"}
    config = load_config(str(tmp_path / "c.py"), "train", parse_values(texts))
    assert config.lr_policy(global_step=0) == ("5", 0.5)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"dtype": "16"}, "dtype: expected one of 'float32', 'mixed', 'mixed_bfloat16', got '16'"),
        ({"iter_size": "two"}, "iter_size: expected int, got 'two'"),
        ({"iter_size": "1.5"}, "iter_size: expected int, got 1.5"),
        ({"logdirr": "5"}, "unknown parameter 'logdirr', did you mean 'logdir'?"),
    ],
)
def test_what_does_not_fit_is_refused_as_it_was_typed(texts, message):
    with pytest.raises(UserError) as caught:
        load(**texts)
    assert message in str(caught.value)
