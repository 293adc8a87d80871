"""Networks with further classes, and those with sigmoids: what modes and all formats say."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.special
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.microcontroller.operators import operators_of
from open_seq2seq.network import before_merging
from open_seq2seq.streaming import StreamingDetector
from tests.support.output_runs import LABELS_OF_MERGED

pytestmark = pytest.mark.slow
SIGMOID = "--decoder_params/outputs=sigmoid"
UNKNOWN, N = LABELS_OF_MERGED.index("unknown"), len(LABELS_OF_MERGED)


@pytest.fixture(scope="module")
def sigmoid_run(train_few):
    """The logdir of a run whose outputs are sigmoids."""
    return train_few(SIGMOID)


@pytest.fixture(scope="module", params=["merged", "sigmoid"])
def kind_and_run(request):
    return request.param, request.getfixturevalue(f"{request.param}_run")


def kinds(*cases):
    """Parametrize a test by the kind of outputs, and by what follows it in each of its cases."""
    return pytest.mark.parametrize(("kind_and_run", "what"), cases, indirect=["kind_and_run"])


def _long(*case):
    return pytest.param(*case, marks=pytest.mark.long)


@pytest.fixture(scope="module")
def rows(few_keywords):
    """Label and path of the clips of the test split."""
    return pd.read_csv(few_keywords / "v2-12-test.csv")


def by_hand(kind, logits):
    """Probabilities of labels for the logits of classes."""
    if kind == "sigmoid":
        return scipy.special.expit(logits)
    probabilities = scipy.special.softmax(logits, axis=1)
    labels = probabilities[:, :N].copy()
    labels[:, UNKNOWN] += probabilities[:, N:].sum(axis=1)
    return labels


def test_probabilities_are_those_of_the_logits(kind_and_run, rows, few_keywords):
    kind, logdir = kind_and_run
    model = open_seq2seq.from_pretrained(logdir)
    files = {"dataset_files": [str(few_keywords / "v2-12-test.csv")]}
    dataset = model.data_layer.model_copy(update=files).open(training=False, seed=0)
    ((batch,),) = dataset.batches(Sampler(len(dataset), len(dataset)).in_order())
    expected = by_hand(kind, before_merging(model.network)(batch.inputs).numpy())
    given = np.stack([each.probabilities for each in model.predict(list(rows["path"]))])
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert (given.argmax(axis=1) == rows["label"]).mean() > 0.8
    assert np.allclose(given.sum(axis=1), 1, atol=1e-5) == (kind == "merged")


def test_the_loss_of_sigmoids_is_that_of_yes_and_no(sigmoid_run, few_keywords):
    model = open_seq2seq.from_pretrained(sigmoid_run)
    rows = pd.read_csv(few_keywords / "v2-12-val.csv")
    p = np.stack([each.probabilities for each in model.predict(list(rows["path"]))])
    yes = np.eye(N)[rows["label"]]
    expected = -np.log(np.where(yes == 1, p, 1 - p)).sum(axis=1).mean()
    records = map(json.loads, (sigmoid_run / "metrics.jsonl").read_text().splitlines())
    (val,) = (each for each in records if (each["split"], each["step"]) == ("val", model.step))
    assert val["loss"] == pytest.approx(expected, rel=1e-3)


def test_a_stream_of_windows_hears_what_predict_says(kind_and_run, rows):
    _, logdir = kind_and_run
    model = open_seq2seq.from_pretrained(logdir)
    sound = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in rows["path"][:6]])
    detector = StreamingDetector(model, window_s=0.5, hop_s=0.25, smoothing=1)
    detector.push(sound)
    windows = [sound[each.start : each.end] for each in detector.scores]
    expected = [each.probabilities for each in model.predict([(w, 16000) for w in windows])]
    given = [each.probabilities for each in detector.scores]
    assert len(given) > 8
    np.testing.assert_allclose(given, expected, atol=1e-5)


def exported(logdir, folder, *flags):
    """Export by the command and return the report."""
    pytest.importorskip("ai_edge_litert", reason="the extra `export` is not installed")
    flags = [f"--logdir={logdir}", f"--export_dir={folder}", *flags]
    assert cli.main(["--mode=export", "--calibration_clips=40", *flags]) == 0
    return json.loads((folder / "report.json").read_text())


FILES = {
    "int8": ["--export_format=tflite,tflite_micro", "--export_dtype=int8"],
    "tflite": ["--export_format=tflite", "--export_dtype=float32"],
    "saved_model": ["--export_format=saved_model"],
    "features": ["--export_input=features", "--export_dtype=float16,int16x8"],
}


@kinds(
    ("merged", "int8"),
    ("sigmoid", "tflite"),
    _long("merged", "tflite"),
    _long("sigmoid", "int8"),
    *(_long(kind, name) for kind in ("merged", "sigmoid") for name in ("saved_model", "features")),
)
def test_files_say_what_the_checkpoint_says(kind_and_run, what, tmp_path):
    kind, logdir = kind_and_run
    report = exported(logdir, tmp_path / "files", *FILES[what])
    assert report["model"]["labels"] == list(LABELS_OF_MERGED)
    for file in report["files"]:
        assert file["n_clips"] == 48
        assert file["largest_difference"] < (1e-4 if "float32" in file["file"] else 0.05)
    card = (tmp_path / "files" / "model_card.md").read_text()
    assert ("their sum is not 1" in card) == (kind == "sigmoid")


@pytest.mark.long
def test_onnx_and_the_page_say_it_too(kind_and_run, tmp_path, web_package):
    flags = ["--export_format=onnx,web", f"--web_runtime={web_package}"]
    report = exported(kind_and_run[1], tmp_path / "files", *flags)
    assert [file["largest_difference"] < 1e-4 for file in report["files"]] == [True, True]


@kinds(
    ("merged", "tflm"),
    ("sigmoid", "esphome"),
    _long("merged", "esphome"),
    _long("sigmoid", "tflm"),
)
def test_one_keyword_on_a_microcontroller(kind_and_run, what, rows, tmp_path, capsys):
    kind, logdir = kind_and_run
    folder = tmp_path / "files"
    flags = ["--export_format=tflite_micro", "--micro_keyword=no", f"--micro_profile={what}"]
    report = exported(logdir, folder, *flags)
    assert report["model"]["microcontroller"]["labels"] == ["no"]
    (file,) = report["files"]
    assert file["accuracy"] > 0.9 and file["largest_difference"] < 0.1
    compares = "MAX_POOL_2D" in operators_of((folder / "model-micro.tflite").read_bytes())
    said = "micro_keyword: unknown's words are classes of their own" in capsys.readouterr().out
    assert compares == said == (kind == "merged")
    if what == "tflm":
        tracks_are_heard_by_the_file_itself(logdir, folder, rows, tmp_path)


def tracks_are_heard_by_the_file_itself(logdir, folder, rows, tmp_path):
    """It tells one keyword, so there are no events of others, which the checkpoint has."""
    sound = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in rows["path"]])
    soundfile.write(tmp_path / "track.wav", sound, 16000)

    def labels_heard(name, *args):
        given = [f"--logdir={logdir}", f"--detect_dir={tmp_path / name}", *args]
        track = str(tmp_path / "track.wav")
        assert cli.main(["--mode=detect", "--method=incremental", *given, track]) == 0
        return set(pd.read_csv(tmp_path / name / "events.csv")["label"])

    assert labels_heard("file", f"--micro_dir={folder}") == {"no"}
    assert labels_heard("checkpoint") > {"no"}
    for flag in ("--method=windows", "--hop_s=0.5"):
        with pytest.raises(UserError, match=r", but the file in micro_dir hears with .*; leave"):
            labels_heard("none", f"--micro_dir={folder}", flag)


def test_a_label_of_several_classes_is_no_keyword(merged_run, tmp_path):
    flags = ["--export_format=tflite_micro", "--micro_keyword=unknown"]
    with pytest.raises(UserError, match="micro_keyword: unknown is 8 classes of this model"):
        exported(merged_run, tmp_path / "files", *flags)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["train_eval", "eval", "infer"])
def test_a_checkpoint_is_not_taken_for_the_other_kind(
    sigmoid_run, run, few_keywords, stream_config, mode
):
    where = f"--dataset_location={few_keywords}"
    with pytest.raises(UserError, match="was trained with decoder_params/outputs='sigmoid', now"):
        run(mode, sigmoid_run, where, "--continue_learning", config=stream_config)
    with pytest.raises(UserError, match="was trained with decoder_params/outputs='sigmoid', now"):
        open_seq2seq.from_pretrained(sigmoid_run, stream_config)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([SIGMOID, "--data_layer_params/merge_unknown=True"], "merge_unknown sums probabilities"),
        (["--decoder_params/outputs=both"], "outputs: expected one of 'softmax', 'sigmoid', got"),
        (["--loss_params/label_weights={'no': -1.0}"], "expected a weight above 0 for 'no', got"),
        (["--loss_params/label_weights={'non': 2.0}"], "label_weights: no label 'non'; the labels"),
    ],
)
def test_wrong_combinations_are_named(run, few_keywords, stream_config, tmp_path, flags, problem):
    where = f"--dataset_location={few_keywords}"
    with pytest.raises(UserError, match=problem):
        run("train", tmp_path / "run", where, *flags, config=stream_config)
    assert not list(tmp_path.iterdir())


def test_a_run_weighs_its_labels(train_few, capsys):
    """With twice the weight for all, the first loss is twice as large; validation is as it was."""
    losses = []
    first = ["--print_loss_steps=1", "--lr_policy_params/learning_rate=1e-6"]
    for weight in (1.0, 2.0):
        weights = dict.fromkeys(LABELS_OF_MERGED, weight)
        logdir = train_few(f"--loss_params/label_weights={weights}", *first, epochs=1)
        line = next(each for each in capsys.readouterr().out.splitlines() if "step 1 of" in each)
        record = json.loads((logdir / "metrics.jsonl").read_text().splitlines()[0])
        losses.append((float(line.split("loss ")[1].split(",")[0]), record["loss"]))
    assert losses[1][0] == pytest.approx(2 * losses[0][0], abs=2e-4)
    assert losses[1][1] == pytest.approx(losses[0][1], rel=1e-3)
