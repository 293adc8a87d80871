"""Config files: overlays, overrides, and every mistake at once in the user's words."""

from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.config import load_config, nested_update, parse_value
from open_seq2seq.errors import UserError
from open_seq2seq.layers import initializers, regularizers
from open_seq2seq.optimizers.lr_policies import poly_decay
from tests.support.paths import CONFIGS, EXAMPLES, TINY

RESNET50 = str(EXAMPLES / "resnet50.py")


def problems(overrides, path=RESNET50, mode="train"):
    with pytest.raises(UserError) as caught:
        load_config(path, mode, overrides)
    return str(caught.value)


def write_config(tmp_path, text):
    path = tmp_path / "config.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", ["v1-12", "v1-30", "v2", "v2-12"])
def test_dataset_version_switches_every_example(path, version):
    config = load_config(
        str(path), "train_eval", {"dataset_version": version, "dataset_location": "/d"}
    )
    assert config.data_layers["train"].dataset_files == [f"/d/{version}-train.csv"]
    assert config.data_layers["eval"].dataset_files == [f"/d/{version}-val.csv"]
    assert config.data_layers["test"].dataset_files == [f"/d/{version}-test.csv"]
    assert config.params.dataset_version == version


def test_overlay_lies_over_base_and_command_line_over_both():
    config = load_config(
        str(TINY), "train", {"data_layer_params/augment_data": False, "encoder_params/n_hidden": 7}
    )
    assert config.data_layers["train"].augment_data is False
    assert config.data_layers["train"].shuffle is True
    assert config.encoder.n_hidden == 7


def test_an_override_can_be_for_one_overlay_only():
    config = load_config(
        str(TINY), "train_eval", {"eval_params/data_layer_params/cache_data": "images"}
    )
    assert config.data_layers["eval"].cache_data == "images"
    assert config.data_layers["train"].cache_data == "waveforms"


def test_nested_update_leaves_its_arguments_alone():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert nested_update(base, {"a": {"b": 5}, "e": 6}) == {"a": {"b": 5, "c": 2}, "d": 3, "e": 6}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("True", True), ("None", None), ("[1, 2]", [1, 2]), ("a/b", "a/b")],
)
def test_values_of_the_command_line_are_python_literals_or_text(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text", ["{[]: 1}", "[" * 100_000, "-" * 9999 + "1", "1" + "0" * 5000, "\0"]
)
def test_what_python_cannot_read_is_text(text):
    assert parse_value(text) == text


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"batch_size": 3},
            "base_params: unknown parameter 'batch_size', did you mean 'batch_size_per_gpu'?",
        ),
        ({"iter_size": "two"}, "iter_size: expected int, got 'two'"),
        ({"use_xla_jit": 1}, "use_xla_jit: expected bool, got 1"),
        (
            {"dtype": "half"},
            "dtype: expected one of 'float32', 'mixed', 'mixed_bfloat16', got 'half'",
        ),
        (
            {"loss_scaling": "backoff"},
            "loss_scaling: expected float or 'Backoff' or 'LogMax', got 'backoff'",
        ),
        (
            {"dataset_version": "v3"},
            "dataset_version: expected one of 'v1-12', 'v1-30', 'v2', 'v2-12', 'keywords'",
        ),
        ({"optimizer": "momentum"}, "optimizer: expected one of 'SGD', 'Momentum', 'Adam', "),
        ({"optimizer": "Adam"}, "optimizer_params: unknown parameter 'momentum'"),
        (
            {"encoder_params/resnet_size": 51},
            "encoder_params/resnet_size: expected one of 18, 34, 50, ",
        ),
        ({"encoder_params": {}}, None),
        ({"lr_policy_params/rate": 1.0}, "lr_policy_params: unknown parameter 'rate'"),
        (
            {"lr_policy_params/powr": 1.0},
            "lr_policy_params: unknown parameter 'powr', did you mean 'power'?",
        ),
        (
            {"lr_policy_params/learning_rate": "abc"},
            "lr_policy_params/learning_rate: expected float, got 'abc'",
        ),
        ({"regularizer_params/scale": [1]}, "regularizer_params/scale: expected float, got [1]"),
        (
            {"loss_scaling": float("nan")},
            "loss_scaling: expected float or 'Backoff' or 'LogMax', got nan",
        ),
        ({"num_checkpoints": 0}, "num_checkpoints: expected a value greater than 0, got 0"),
        (
            {"data_layer_params/repeat_samples": True},
            "data_layer_params: 'repeat_samples' is not supported: ",
        ),
        ({"train": 5}, "base_params: unknown parameter 'train'"),
        (
            {"lr_policy": "piecewise_constant"},
            "lr_policy_params: missing required parameter 'boundaries'",
        ),
        ({"regularizer": "l3"}, "regularizer: expected one of 'l2_regularizer', got 'l3'"),
        (
            {"data_layer_params/dataset_files": "a.csv"},
            "data_layer_params/dataset_files: expected a list, got 'a.csv'",
        ),
        (
            {"data_layer_params/dataset_files": [1]},
            "data_layer_params/dataset_files[0]: expected str, got 1",
        ),
        ({"max_steps": 5}, "base_params: give either num_epochs or max_steps"),
        (
            {"data_layer_params/win_length": 5000},
            "data_layer_params: win_length 5000 is longer than n_fft 1024",
        ),
        ({"use_trt": True}, "base_params: 'use_trt' is not supported: TensorRT"),
        ({"finetune": True}, "base_params: 'finetune' is not supported: name the other run in"),
        ({"data_layer_params/repeat": True}, "data_layer_params: 'repeat' is not supported: "),
        (
            {"encoder_params/first_conv_stride": 1},
            "encoder_params: 'first_conv_stride' is not supported: it is conv_stride now",
        ),
        (
            {"decoder_params/regularizer": "l2_regularizer"},
            "decoder_params: 'regularizer' is not supported: it counts for the whole network; move",
        ),
    ],
)
def test_a_mistake_names_path_value_and_what_was_expected(overrides, line):
    if line is None:  # nested dictionaries are merged, so nothing is wrong
        load_config(RESNET50, "train", overrides)
        return
    assert line in problems(overrides)


def test_all_mistakes_are_reported_at_once_and_each_once():
    message = problems(
        {"iter_size": 0, "encoder_params/resnet_sise": 18, "decoder_params/output_dim": "12"}
    )
    assert message.splitlines()[0].endswith("3 problems in the config:")
    assert "iter_size: " in message
    assert "encoder_params: unknown parameter 'resnet_sise', did you mean 'resnet_size'?" in message
    assert "decoder_params/output_dim: expected" in message


def test_overlays_of_other_modes_are_checked_too():
    assert "data_layer_params: unknown parameter 'shufle'" in problems(
        {"eval_params/data_layer_params/shufle": True}, mode="train"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base_params = {", "line 1"),
        ("x = 1\nraise ValueError('boom')\n", "line 2: ValueError: boom"),
        ("base_model = int\nbase_params = {}\n", "base_model: expected Image2Label"),
        ("base_params = 3\n", "expected a dict named base_params, got 3"),
        ("import missing_module\n", "No module named 'missing_module'"),
        ("x = 1\nexit(3)\n", "line 2: SystemExit: 3"),
        (
            "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E",
            "E: <exception str() failed>",
        ),
        ("raise ValueError('x' * 9999)\n", "line 1: ValueError: xxx"),
        ("def f(): f()\nf()\n", "line 1: RecursionError"),
    ],
)
def test_a_file_that_cannot_be_run_is_named_with_its_line(tmp_path, text, expected):
    path = write_config(tmp_path, text)
    message = problems({}, path)
    assert path in message and expected in message and len(message) < 1000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train_params = None", "train_params: expected a dict, got None"),
        (
            "base_params = {**base_params, 1: 2}",
            "base_params: expected names of parameters, got the key 1",
        ),
        (
            "base_params['encoder_params'] = {1: 2}",
            "encoder_params: expected names of parameters, got the key 1",
        ),
        ("base_params['lr_policy_params'] = {1: 2}", "lr_policy_params: unknown parameter 1"),
        (
            "base_params['lr_policy'] = max",
            "lr_policy: expected a function that says what it takes, got <built-in",
        ),
        ("base_params['dtype'] = 2**20000", "'mixed_bfloat16', got a number of 20,001 bits"),
        ("base_params['logdir'] = ['x' * 9999] * 9999", "logdir: expected str, got ['xxx"),
        (
            "base_params['lr_policy_params'] = {'learning_rate': float('nan')}",
            "learning_rate: expected float, got nan",
        ),
        (
            "base_params['encoder_params'] = base_params",
            "base_params or an overlay is a part of itself",
        ),
        ("base_params.update({f'x{i}': 1 for i in range(999)})", "999 problems in the config"),
    ],
)
def test_a_value_of_any_kind_is_refused_in_a_message_that_can_be_read(tmp_path, line, expected):
    path = write_config(tmp_path, f"{TINY.read_text()}\n{line}\n")
    message = problems({}, path)
    assert path in message and expected in message and len(message) < 4000


def test_parameters_are_those_of_the_default_where_the_config_names_none(tmp_path):
    text = f"{Path(RESNET50).read_text()}\ndel base_params['optimizer'], base_params['lr_policy']\n"
    text += "base_params['optimizer_params'] = {'beta1': 0.9}\n"
    message = problems({}, write_config(tmp_path, text))
    assert "optimizer_params: unknown parameter 'beta1'" in message  # Momentum has none
    assert "lr_policy_params: unknown parameter 'power'" in message  # neither has fixed_lr


def test_a_mistake_in_a_config_that_is_built_upon_is_found_there(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_base.py").write_text("x = 1\ny = (\n")
    message = problems({}, write_config(tmp_path, "import broken_base\n"))
    assert f"line 2 of {tmp_path / 'broken_base.py'}: '(' was never closed" in message


def test_tensorflow_1_names_are_answered_with_what_to_say_instead(tmp_path):
    text = "import types\ntf = types.ModuleType('tensorflow')\nx = tf.contrib.layers\n"
    message = problems({}, write_config(tmp_path, text))
    assert "line 3" in message and "l2_regularizer" in message


def test_a_missing_file_is_named():
    assert "nowhere.py: no such file" in problems({}, "nowhere.py")


def test_a_misspelt_overlay_is_noticed(tmp_path):
    text = TINY.read_text().replace("eval_params =", "evla_params =")
    assert "unknown overlay 'evla_params', did you mean 'eval_params'?" in problems(
        {}, write_config(tmp_path, text)
    )


def test_dataset_version_is_refused_where_the_config_would_not_follow(tmp_path):
    text = TINY.read_text().replace("{dataset_version}", "v2-12")
    path = write_config(tmp_path, text)
    load_config(path, "train", {})
    assert "without {dataset_version}" in problems({"dataset_version": "v1-12"}, path)


def test_dataset_version_switches_the_sections_whose_files_are_not_named(tmp_path):
    files = "eval_params/data_layer_params/dataset_files"
    overrides = {"dataset_version": "v1-12", "dataset_location": "/d", files: ["/mine.csv"]}
    config = load_config(str(TINY), "train_eval", overrides)
    assert config.data_layers["eval"].dataset_files == ["/mine.csv"]
    assert config.data_layers["train"].dataset_files == ["/d/v1-12-train.csv"]


def test_functions_are_bound_to_their_parameters():
    config = load_config(RESNET50, "train", {})
    assert config.lr_policy.func is poly_decay
    assert config.lr_policy(0, decay_steps=10) == 0.2
    assert float(config.regularizer()(np.array([2.0, 1.0]))) == pytest.approx(0.0001 * 5 / 2)


def test_openseq2seqs_import_path_of_regularizers_and_initializers_works(tmp_path):
    text = (
        f"from open_seq2seq.weights import l2_regularizer, xavier_initializer\n{TINY.read_text()}\n"
        "base_params |= {'regularizer': l2_regularizer, 'regularizer_params': {'scale': 0.5}}\n"
        "base_params |= {'initializer': xavier_initializer, 'initializer_params': {}}\n"
    )
    config = load_config(write_config(tmp_path, text), "train", {})
    assert config.regularizer.func is regularizers.l2_regularizer
    assert config.initializer.func is initializers.xavier_initializer
