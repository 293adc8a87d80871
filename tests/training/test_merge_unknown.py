"""A run whose words of unknown are classes of their own, from training to streams."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.special

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.components import LayerOptions
from open_seq2seq.errors import UserError
from open_seq2seq.network import before_merging, build_network
from open_seq2seq.storage import architecture, checkpoints
from open_seq2seq.structs import MergedClasses
from tests.support.output_runs import LABELS_OF_MERGED, OTHER_WORDS

pytestmark = pytest.mark.slow
UNKNOWN = LABELS_OF_MERGED.index("unknown")
N = len(LABELS_OF_MERGED)
MERGE = "--data_layer_params/merge_unknown=True"


def newest(logdir):
    return checkpoints.load_newest(logdir / "checkpoints")


def summed(class_logits):
    """Probabilities of the labels, by hand."""
    probabilities = scipy.special.softmax(class_logits.astype(np.float64), axis=1)
    labels = probabilities[:, :N].copy()
    labels[:, UNKNOWN] += probabilities[:, N:].sum(axis=1)
    return labels


@pytest.fixture(scope="module")
def model(merged_run):
    return open_seq2seq.from_pretrained(merged_run)


def test_the_checkpoint_keeps_the_words(merged_run, model):
    info = newest(merged_run).info
    assert info.labels == LABELS_OF_MERGED == model.labels
    assert info.classes == OTHER_WORDS
    kernel, bias = model.network.get_layer(model.decoder.output_layer).get_weights()
    assert kernel.shape[1] == len(bias) == N + len(OTHER_WORDS)


def test_a_network_before_merging_has_the_same_weights(model):
    info = model.network
    images = np.random.default_rng(0).normal(size=(6, *model.data_layer.image_shape))
    inputs = {"features": images.astype(np.float32), "lengths": np.full(6, 100)}
    merged, classes = info(inputs).numpy(), before_merging(info)(inputs).numpy()
    assert classes.shape == (6, N + len(OTHER_WORDS))
    np.testing.assert_allclose(scipy.special.softmax(merged, axis=1), summed(classes), atol=1e-6)
    paths = [[v.path for v in each.variables] for each in (info, before_merging(info))]
    assert paths[0] == paths[1]


def test_a_plain_network_is_as_it_was(model):
    plain = build_network(model.encoder, model.decoder, model.data_layer, 3, LayerOptions())
    assert before_merging(plain) is plain
    one = build_network(
        model.encoder, model.decoder, model.data_layer, 3, merged=MergedClasses(0, 1)
    )
    assert [v.path for v in one.variables] == [v.path for v in plain.variables]


def test_evaluation_is_that_of_labels(merged_run, model, few_keywords):
    """Loss and accuracy on the validation clips, from the probabilities that predict gives."""
    rows = pd.read_csv(few_keywords / "v2-12-val.csv")
    probabilities = np.stack([p.probabilities for p in model.predict(list(rows["path"]))])
    labels = rows["label"].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    records = map(json.loads, (merged_run / "metrics.jsonl").read_text().splitlines())
    (val,) = (each for each in records if (each["split"], each["step"]) == ("val", model.step))
    own = probabilities[np.arange(len(labels)), labels]
    assert val["loss"] == pytest.approx(-np.log(own).mean(), rel=1e-3)
    assert val["top1"] == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
    assert val["top1"] > 0.9  # what it has learned


def test_training_counts_words_and_not_labels(train_few, capsys):
    """At random weights the loss is nearer to the logarithm of classes than to that of labels."""
    train_few(MERGE, "--print_loss_steps=1", "--lr_policy_params/learning_rate=1e-6", epochs=1)
    output = capsys.readouterr().out
    assert "7 words of unknown as classes of their own" in output
    loss = float(re.search(r"step 1 of \d+, .* loss ([\d.]+)", output)[1])
    middle = (np.log(N) + np.log(N + len(OTHER_WORDS))) / 2
    assert middle < loss < np.log(N + len(OTHER_WORDS)) + 0.4


def test_modes_need_no_flag(merged_run, few_keywords, stream_config, run, tmp_path):
    where = [f"--dataset_location={few_keywords}"]
    n_before = len((merged_run / "metrics.jsonl").read_text().splitlines())
    assert run("eval", merged_run, *where, config=stream_config) == 0
    lines = (merged_run / "metrics.jsonl").read_text().splitlines()
    before, after = (json.loads(lines[i]) for i in (n_before - 1, -1))
    assert after["loss"] == pytest.approx(before["loss"], rel=1e-5)
    outputs = [tmp_path / "config.csv", tmp_path / "alone.csv"]
    flags = [f"--infer_output_file={outputs[0]}", "--restore_best_checkpoint=True"]
    assert run("infer", merged_run, *where, *flags, config=stream_config) == 0
    args = ["--mode=infer", f"--logdir={merged_run}", f"--infer_output_file={outputs[1]}"]
    assert cli.main([*args, str(few_keywords / "v2-12-test.csv")]) == 0
    tables = [pd.read_csv(path) for path in outputs]
    assert list(tables[0]["label"]) == list(tables[1]["label"])
    assert set(tables[0]["label"]) <= set(LABELS_OF_MERGED)


def continued(run, merged_run, data, config, tmp_path, *args):
    logdir = tmp_path / "run"
    shutil.copytree(merged_run, logdir)
    given = [f"--dataset_location={data}", "--num_epochs=9", "--continue_learning", *args]
    return run("train", logdir, *given, config=config), logdir


def test_a_run_continues_with_its_words(run, merged_run, few_keywords, stream_config, tmp_path):
    status, logdir = continued(run, merged_run, few_keywords, stream_config, tmp_path, MERGE)
    assert status == 0 and newest(logdir).info.classes == OTHER_WORDS


def with_another_word(few_keywords, folder):
    """The same manifests, but for a word: gone instead of go."""
    folder.mkdir()
    for path in few_keywords.iterdir():
        (folder / path.name).write_text(path.read_text().replace(",go,", ",gone,"))
    return folder


def test_other_words_are_refused(run, merged_run, few_keywords, stream_config, tmp_path):
    with pytest.raises(UserError, match=r"merge_unknown=True, now it is False; set it to True"):
        continued(run, merged_run, few_keywords, stream_config, tmp_path / "a")
    changed = with_another_word(few_keywords, tmp_path / "data")
    with pytest.raises(UserError, match=r"7 words of unknown .* has 7:\n  go: no .*\n  gone: new"):
        continued(run, merged_run, changed, stream_config, tmp_path / "b", MERGE)


@pytest.mark.long
def test_fine_tuning_takes_the_classes_of_the_same_words(train_few, merged_run, capsys):
    n = len(newest(merged_run).model)
    train_few(f"--load_model={merged_run}", MERGE, epochs=1)
    assert f"load_model: {n} of {n} variables come from" in capsys.readouterr().out


def test_fine_tuning_starts_other_classes_anew(
    train_few, merged_run, few_keywords, tmp_path, capsys
):
    n = len(newest(merged_run).model)
    changed = with_another_word(few_keywords, tmp_path / "data")
    train_few(f"--load_model={merged_run}", MERGE, f"--dataset_location={changed}", epochs=1)
    output = capsys.readouterr().out
    assert f"load_model: {n - 2} of {n} variables come from" in output
    assert output.count("the checkpoint has other words of unknown as classes") == 2


def test_the_record_of_classes_without_a_label_unknown_is_corrupt():
    with pytest.raises(ValueError, match="classes are words of 'unknown', which is no label"):
        architecture.RunInfo(labels=("a", "b"), classes=("c",))
