"""Options of training that are off by default, from the command line to what a run leaves."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.logdir import load_run
from tests.support.paths import TINY

STEPS = ("--num_epochs=None", "--lr_policy_params/decay_steps=8", "--save_checkpoint_steps=4")


def newest(logdir, folder="checkpoints"):
    return checkpoints.load_newest(logdir / folder)


def lines(logdir):
    return [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def base(run, tmp_path_factory):
    """A run of four steps, to start from."""
    logdir = tmp_path_factory.mktemp("runs") / "base"
    assert run("train", logdir, *STEPS, "--max_steps=4") == 0
    return logdir


def test_load_model_begins_with_the_weights_of_another_run(run, base, tmp_path, capsys):
    rate = ["--lr_policy=fixed_lr", "--lr_policy_params={'learning_rate': 0.0}"]
    args = [
        "--num_epochs=None",
        "--max_steps=1",
        *rate,
        "--optimizer=SGD",
        f"--load_model={base}",
        "--random_seed=9",
    ]
    config = tmp_path / "config.py"
    config.write_text(
        TINY.read_text().replace(
            '"lr_policy_params": {"learning_rate": 0.02}', '"lr_policy_params": {}'
        )
    )
    assert run("train", tmp_path / "run", *args, config=config) == 0
    assert_same(newest(tmp_path / "run").model, newest(base).model)
    assert "load_model: 4 of 4 variables come from" in capsys.readouterr().out


def test_load_model_leaves_what_does_not_fit_and_says_so(run, base, tone_dataset, tmp_path, capsys):
    """Other labels: the last layer begins anew, everything else is taken over."""
    labels = (tone_dataset / "v2-12-labels.txt").read_text().split()
    (tmp_path / "labels.txt").write_text(
        "".join(f"{label}\n" for label in [*labels[1:], labels[0]])
    )
    args = [
        f"--load_model={base}",
        f"--data_layer_params/labels_file={tmp_path / 'labels.txt'}",
        "--random_seed=9",
    ]
    frozen = "--freeze_variables_regex=peak_encoder"
    assert run("train", tmp_path / "run", *STEPS, "--max_steps=1", *args, frozen) == 0
    ours, theirs = newest(tmp_path / "run").model, newest(base).model
    name = "peak_encoder.dense/kernel"
    np.testing.assert_array_equal(ours[name], theirs[name])
    out = capsys.readouterr().out
    assert "load_model: 2 of 4 variables" in out
    assert (
        "new: fully_connected_decoder.fully_connected/kernel  the checkpoint has other labels"
        in out
    )


@pytest.mark.parametrize("n_channels", [24, 16])
def test_load_model_goes_on_with_the_moving_statistics(train_few, merged_run, n_channels):
    """A step keeps 0.9999 of those of another run; with any new ones it keeps 1/10 of all."""
    layers = [
        {"kernel_size": 5, "num_channels": 24},
        {"kernel_size": 1, "num_channels": n_channels},
    ]
    logdir = train_few(
        f"--load_model={merged_run}",
        "--data_layer_params/merge_unknown=True",
        f"--encoder_params/convnet_layers={layers}",
        "--encoder_params/bn_momentum=0.9999",
        "--batch_size_per_gpu=144",  # one step an epoch
        epochs=1,
    )
    ours, theirs = newest(logdir).model, load_run(merged_run).model
    first, second = (f"tdnn_encoder.conv{i}.bn/moving_variance" for i in (11, 21))
    if n_channels == 16:
        assert (ours[second] > 0.1).all() and (abs(ours[second] - 1.0) > 0.1).any()
    else:
        for name in (first, second):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3)


def test_load_model_with_nothing_that_fits_is_refused(run, base, tmp_path):
    with pytest.raises(UserError, match="no checkpoint in"):
        run("train", tmp_path / "run", f"--load_model={tmp_path}", "--num_epochs=1")
    with pytest.raises(UserError, match="is it a run of another encoder"):
        run(
            "train",
            tmp_path / "run",
            f"--load_model={base}",
            "--encoder_params/n_hidden=5",
            f"--data_layer_params/labels_file={_other_labels(tmp_path)}",
        )
    assert not (tmp_path / "run").exists()


def _other_labels(folder):
    path = folder / "other-labels.txt"
    path.write_text("".join(f"other{i}\n" for i in range(12)))
    return path


@pytest.mark.slow
def test_the_average_of_the_weights_is_evaluated_kept_and_resumed(run, tmp_path):
    args = [*STEPS, "--ema_decay=0.5"]
    assert run("train_eval", tmp_path / "straight", *args, "--max_steps=8") == 0
    assert run("train_eval", tmp_path / "parts", *args, "--max_steps=4") == 0
    assert run("train_eval", tmp_path / "parts", *args, "--max_steps=8", "--continue_learning") == 0
    straight, parts = newest(tmp_path / "straight"), newest(tmp_path / "parts")
    assert_same(straight.model, parts.model)
    assert_same(straight.training, parts.training)
    # beside the averages, which eval and infer use, stand the weights that training goes on with
    name = "fully_connected_decoder.fully_connected/kernel"
    raw = next(
        values
        for key, values in straight.training.items()
        if key.startswith("average/") and name in key
    )
    assert np.abs(raw - straight.model[name]).max() > 1e-4
    before = lines(tmp_path / "straight")
    assert run("eval", tmp_path / "straight") == 0
    after = lines(tmp_path / "straight")[len(before) :]
    assert [line["loss"] for line in after] == [line["loss"] for line in before[-2:]]


def test_a_run_that_gets_no_better_stops_early_and_keeps_its_state(run, tmp_path):
    args = [
        "--num_epochs=50",
        "--eval_steps=2",
        "--early_stopping_params={'metric': 'loss', 'patience': 2, 'min_delta': 100.0}",
    ]
    assert run("train_eval", tmp_path / "run", *args) == 0
    evaluated = [line for line in lines(tmp_path / "run") if line["split"] == "val"]
    assert [line["step"] for line in evaluated] == [
        2,
        4,
        6,
    ]  # the first is a new best, the next two are not
    assert newest(tmp_path / "run").step == 6
    assert newest(tmp_path / "run").progress.patience.n_waited == 2
    assert (
        "stopped early after step 6: loss of validation"
        in (tmp_path / "run" / "run.log").read_text()
    )


def test_early_stopping_needs_evaluations_of_a_label_that_there_is(run, tmp_path):
    stop = "--early_stopping_params/patience=1"
    with pytest.raises(UserError, match="nothing is evaluated in --mode=train"):
        run("train", tmp_path / "run", stop)
    with pytest.raises(UserError, match="no label 'perhaps'"):
        run("train_eval", tmp_path / "run", stop, "--early_stopping_params/metric=recall/perhaps")
    assert not (tmp_path / "run").exists()


def test_all_summaries_are_written(run, tmp_path):
    kinds = [
        "learning_rate",
        "loss_scale",
        "global_gradient_norm",
        "gradient_norm",
        "gradients",
        "variable_norm",
        "variables",
        "larc_summaries",
    ]
    args = [f"--summaries={kinds}", "--save_summaries_steps=2", "--larc_params/larc_eta=0.001"]
    assert run("train", tmp_path / "run", *STEPS, "--max_steps=2", *args) == 0
    (events,) = (tmp_path / "run" / "tensorboard" / "train").glob("events*")
    values = {
        v.tag: v.tensor
        for e in tf.compat.v1.train.summary_iterator(str(events))
        for v in e.summary.value
    }
    kernel = "peak_encoder.dense/kernel"
    per_variable = {
        f"{kind}/{kernel}" for kind in ("gradients", "gradient_norm", "variables", "variable_norm")
    }
    larc = {f"{kind}/{kernel}" for kind in ("larc_grad_update", "larc_final_lr", "larc_clip_on")}
    assert (
        values.keys()
        >= {"loss", "learning_rate", "loss_scale", "global_gradient_norm"} | per_variable | larc
    )
    norms = [
        float(tf.make_ndarray(value))
        for tag, value in values.items()
        if tag.startswith("gradient_norm/")
    ]
    total = float(tf.make_ndarray(values["global_gradient_norm"]))
    assert np.sqrt(np.sum(np.square(norms))) == pytest.approx(total, rel=1e-5)


def test_smoothing_and_mixup_change_the_training_and_not_the_evaluation(run, base, tmp_path):
    for name, extra in (
        ("smooth", ["--loss_params/label_smoothing=0.1"]),
        ("mixed", ["--train_params/data_layer_params/mixup_alpha=0.5"]),
    ):
        assert run("train", tmp_path / name, *STEPS, "--max_steps=4", *extra) == 0
        kernel = "peak_encoder.dense/kernel"
        assert (
            np.abs(newest(tmp_path / name).model[kernel] - newest(base).model[kernel]).max() > 1e-5
        )
    assert run("eval", base) == 0
    plain = lines(base)[-1]["loss"]
    assert run("eval", base, "--loss_params/label_smoothing=0.1") == 0
    assert lines(base)[-1]["loss"] == plain


@pytest.mark.parametrize(("scales", "rate"), [(False, "0.02"), (True, "0.005")])
def test_the_learning_rate_follows_the_size_of_a_step_only_if_the_config_says_so(
    run, base, tmp_path, scales, rate
):
    logdir = tmp_path / "run"
    shutil.copytree(base, logdir)  # of steps of 16 clips
    args = [
        f"--scale_learning_rate={scales}",
        "--batch_size_per_gpu=4",
        "--lr_policy=fixed_lr",
        "--print_loss_steps=1",
    ]
    config = tmp_path / "config.py"
    config.write_text(
        TINY.read_text().replace('"lr_policy": "cosine_decay"', '"lr_policy": "fixed_lr"')
    )
    flags = ["--num_epochs=None", "--max_steps=5", "--continue_learning"]
    assert run("train", logdir, *args, *flags, config=config) == 0
    assert "step 5 of 5, epoch 1, loss" in (log := (logdir / "run.log").read_text())
    assert f", lr {rate}\n" in log  # its first step has no speed yet
