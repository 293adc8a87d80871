"""Exports are run by their own runtimes, and leave nothing behind where they are not as good."""

import json

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.components import LayerOptions
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import FullyConnectedDecoder, FullyConnectedSCDecoder
from open_seq2seq.encoders import BCResNetEncoder, ResNetEncoder, TDNNEncoder
from open_seq2seq.errors import UserError
from open_seq2seq.exporting import litert
from open_seq2seq.exporting import trial as trial_module
from open_seq2seq.network import build_network
from open_seq2seq.pretrained import PretrainedModel
from tests.support.tones import make_tone

RATE = 16000
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def runtimes():
    pytest.importorskip("ai_edge_litert", reason="the extra `export` is not installed")


@pytest.fixture(scope="module")
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The folder of what the command exports in three number types, and its report."""
    folder = tmp_path_factory.mktemp("export") / "files"
    flags = [f"--logdir={trained[0]}", f"--export_dir={folder}"]
    wanted = ["--export_format=tflite", "--export_dtype=float32,float16,int8"]
    wanted += ["--calibration_clips=40"]
    assert cli.main(["--mode=export", *flags, *wanted]) == 0
    return folder, json.loads((folder / "report.json").read_text())


def test_files_are_tried_on_the_runs_own_validation_clips(exported, trained):
    folder, report = exported
    names = [f"model-{number}.tflite" for number in ("float32", "float16", "int8")]
    assert [file["file"] for file in report["files"]] == names
    records = map(json.loads, (trained[0] / "metrics.jsonl").read_text().splitlines())
    top1 = max(record["top1"] for record in records if record.get("split") == "val")
    assert "v2-12-val.csv" in report["clips"] and "v2-12-train.csv" in report["calibration"]
    for file, name in zip(report["files"], names, strict=True):
        assert file["n_bytes"] == (folder / name).stat().st_size
        assert file["n_clips"] == 48 and file["n_non_finite"] == 0
        assert file["accuracy"] >= file["checkpoint_accuracy"] - 0.01
        assert 0 < file["median_ms"] <= file["percentile_95_ms"]
    assert report["files"][0]["largest_difference"] < 1e-4
    # with zeros around the short ones, a frame at each end is another
    assert report["files"][0]["checkpoint_accuracy"] == pytest.approx(top1, abs=2.5 / 48)
    sizes = [file["n_bytes"] for file in report["files"]]
    assert sizes[0] > sizes[2]
    card = (folder / "model_card.md").read_text()
    assert all(name in card for name in names) and report["model"]["weights_sha256"] in card


def test_what_a_program_must_know_is_in_the_file(exported, model):
    folder, report = exported
    for name, samples in (("float32", "float32"), ("int8", "int16")):
        content = (folder / f"model-{name}.tflite").read_bytes()
        description = json.loads(litert.description_of(content))
        assert description == {**report["model"], "number": name, "samples": samples}
    assert tuple(description["labels"]) == model.labels
    assert (folder / "labels.txt").read_text().split() == list(model.labels)
    assert description["front_end"] == model.data_layer.in_effect()


def test_a_file_gives_what_predict_gives(exported, model, tone):
    from ai_edge_litert.interpreter import Interpreter

    clip = np.rint(32767 * tone(700.0, 1.0)).astype(np.int16)
    (expected,) = model.predict(clip, sample_rate=RATE)
    interpreter = Interpreter(str(exported[0] / "model-float32.tflite"))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    assert given["shape"].tolist() == [1, RATE] and given["dtype"] == np.float32
    interpreter.set_tensor(given["index"], (clip[None] / 32768).astype(np.float32))
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(output[0], expected.probabilities, atol=1e-4)


@pytest.mark.parametrize(
    # int8 files of LiteRT take such samples anyway
    "format",
    ["onnx", *(pytest.param(f, marks=pytest.mark.long) for f in ("saved_model", "tflite"))],
)
def test_samples_of_16_bits_are_taken_by_every_format(model, tmp_path, format):
    if format == "onnx":
        pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    report = open_seq2seq.export(
        model, export_dir=str(tmp_path / "x"), export_format=[format], export_samples="int16"
    )
    (trial,) = report.trials
    path = tmp_path / "x" / trial.file
    assert trial.largest_difference < 1e-4
    assert _type_of_samples(path) == "int16"
    files = [each for each in path.rglob("*") if each.is_file()] or [path]
    assert trial.n_bytes == sum(each.stat().st_size for each in files)


FEATURES, SAVED = "tflite, features", "saved_model"
FORMATS = {
    "tflite": {},
    FEATURES: {"export_input": "features"},
    SAVED: {"export_format": [SAVED]},
    "onnx": {"export_format": ["onnx"]},
}


# a SavedModel's trial imports TensorFlow
@pytest.mark.parametrize(
    "name",
    ["tflite", *(pytest.param(n, marks=pytest.mark.long) for n in ("onnx", FEATURES, SAVED))],
)
def test_one_changed_weight_fails_the_export(trained, tmp_path, name):
    """What a loaded model predicts is of the weights at its first prediction.

    Without the change these exports succeed: so do the others here.
    """
    if name == "onnx":
        pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    model = open_seq2seq.from_pretrained(trained[0])
    model.probabilities([np.zeros(RATE, np.int16)] * 17)  # parts of 16, and one alone
    kernel = max(model.network.trainable_variables, key=lambda v: v.numpy().size)
    weights = kernel.numpy()
    weights.flat[weights.size // 2] += 1.0
    kernel.assign(weights)
    with pytest.raises(UserError, match=r"differs from the checkpoint by .*nothing is exported"):
        open_seq2seq.export(model, export_dir=str(tmp_path / "other"), **FORMATS[name])
    assert not list(tmp_path.iterdir())


def _type_of_samples(path):
    """The type of a file's input."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        (wanted,) = Interpreter(str(path)).get_input_details()
        return np.dtype(wanted["dtype"]).name
    if path.suffix == ".onnx":
        import onnxruntime

        (wanted,) = onnxruntime.InferenceSession(path).get_inputs()
        return wanted.type.removeprefix("tensor(").removesuffix(")")
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    (wanted,) = serve.structured_input_signature[1].values()
    return wanted.dtype.name


NETWORKS = {
    "ResNet": (
        ResNetEncoder(resnet_size=18, block_sizes=[1, 1], block_strides=[1, 2], num_filters=4),
        FullyConnectedDecoder(),
        {"num_audio_features": 32, "audio_length": 128},
    ),
    "Jasper": (
        TDNNEncoder(
            convnet_layers=[
                {"kernel_size": 11, "num_channels": 8, "stride": 2},
                {"kernel_size": 5, "num_channels": 8, "repeat": 2, "residual": True},
                {"kernel_size": 9, "num_channels": 8, "dilation": 2},
            ]
        ),
        FullyConnectedSCDecoder(),
        {"num_audio_features": 16},
    ),
    "BC-ResNet": (
        BCResNetEncoder(num_blocks=[1, 1, 1, 1]),
        FullyConnectedDecoder(),
        {"num_audio_features": 40, "audio_length": 101, "n_fft": 512, "hop_length": 160},
    ),
}


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("ResNet", "tflite"),
        ("BC-ResNet", "tflite"),
        pytest.param("Jasper", "tflite", marks=pytest.mark.long),
        pytest.param("BC-ResNet", "onnx", marks=pytest.mark.long),
    ],
)
def test_every_network_can_be_exported(name, format, tmp_path):
    if format == "onnx":
        pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    encoder, decoder, front_end = NETWORKS[name]
    layer = SpeechCommandsDataLayer(**front_end)
    network = build_network(encoder, decoder, layer, 3, LayerOptions())
    random = np.random.default_rng(0)
    for variable in network.non_trainable_variables:  # else batch normalization does nothing
        if "moving" in variable.path:
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
    model = PretrainedModel(network, layer, ("a", "b", "c"))
    report = open_seq2seq.export(model, export_dir=str(tmp_path / "x"), export_format=[format])
    (file,) = report.trials
    assert file.largest_difference < 1e-4 and file.accuracy is None
    assert report.clips == "64 clips: generated noise and sweeps"


def test_int8_needs_clips_and_takes_a_folder_of_them(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    encoder, decoder, front_end = NETWORKS["Jasper"]
    layer = SpeechCommandsDataLayer(**front_end)
    network = build_network(encoder, decoder, layer, 2, LayerOptions())
    model = PretrainedModel(network, layer, ("low", "high"))
    params = {"export_dir": str(tmp_path / "x"), "export_dtype": ["int8"]}
    with pytest.raises(UserError, match=r"need clips to calibrate .* with --export_files"):
        open_seq2seq.export(model, **params)
    for index in range(20):
        label = ("low", "high", "other")[index % 3]
        path = tmp_path / "clips" / label / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, make_tone(300.0 + 100 * index, 0.5 + index / 20), RATE)
    (tmp_path / "clips" / "low" / "text.wav").write_text("no audio")
    files = [str(tmp_path / "clips")]
    numbers = ["int8", "int16x8"]
    params |= {"export_dtype": numbers, "export_files": files, "export_input": "features"}
    report = open_seq2seq.export(model, **params)
    for trial, dtype in zip(report.trials, (np.int8, np.int16), strict=True):
        assert trial.n_clips == 20 and trial.accuracy is not None
        interpreter = Interpreter(str(tmp_path / "x" / trial.file))
        ends = interpreter.get_input_details() + interpreter.get_output_details()
        assert [end["dtype"] for end in ends] == [dtype] * 2
    eight, sixteen = report.trials
    assert sixteen.largest_difference < eight.largest_difference


def test_layers_that_lose_most_are_named_where_int8_loses_too_much(model, tmp_path, monkeypatch):
    monkeypatch.setattr(trial_module, "_LARGEST_LOSS", -1.0)
    params = {"export_dir": str(tmp_path / "x"), "export_dtype": ["int8"], "calibration_clips": 40}
    with pytest.raises(UserError, match=r"model-int8.tflite: has an accuracy") as error:
        open_seq2seq.export(model, **params)
    assert "Layers that lose most" in str(error.value) and "image2label" in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "export_dir: name the folder"),
        ({"export_dir": "{full}"}, "export_dir: .* is not an empty folder"),
        ({"export_dir": "x", "export_clip_s": 3.0}, "export_clip_s: 3 is longer than what"),
        ({"export_dir": "x", "export_clip_s": 0.01}, "export_clip_s: 0.01 s is 160 samples"),
        ({"export_dir": "x", "export_format": ["pt"]}, "expected one of 'saved_model', 'tflite'"),
        ({"export_dir": "x", "export_dtyp": "int8"}, "unknown parameter 'export_dtyp', did you"),
        (
            {"export_dir": "x", "export_format": ["onnx"], "export_dtype": ["int8"]},
            "export_format onnx with export_input waveform has float32, not int8",
        ),
        (
            {"export_dir": "x", "export_dtype": ["float32", "int16x8"]},
            "export_dtype int16x8 is of none of export_format tflite with export_input waveform",
        ),
        ({"export_dir": "x", "export_files": ["{missing}"]}, "missing: no such audio file"),
    ],
)
def test_what_cannot_be_exported_is_named(model, tmp_path, monkeypatch, params, problem):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    monkeypatch.chdir(tmp_path)
    places = {"{full}": str(tmp_path / "full"), "{missing}": str(tmp_path / "missing")}

    def place(value):
        if isinstance(value, list):
            return [places.get(each, each) for each in value]
        return places.get(value, value) if isinstance(value, str) else value

    with pytest.raises(UserError, match=problem):
        open_seq2seq.export(model, **{key: place(value) for key, value in params.items()})
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_runtime_that_is_not_installed_is_named_with_its_extra(model, tmp_path, monkeypatch):
    monkeypatch.setattr(trial_module, "find_spec", lambda name: None)
    for format, extra in (("tflite", "export"), ("onnx", "onnx")):
        with pytest.raises(UserError, match=rf"not installed here; pip install .*\[{extra}\]"):
            open_seq2seq.export(model, export_dir=str(tmp_path / "x"), export_format=[format])


def test_files_that_lose_too_much_are_refused():
    good = trial_module.Trial("x", 1, 1.0, 1.0, 200, 0, 5e-5, 0, 0.9, 0.9)
    assert good.problem("float32") is None
    assert "NaN" in good._replace(n_non_finite=1).problem("float32")
    assert "differs" in good._replace(largest_difference=2e-4).problem("float32")
    for number in ("float16", "int8"):
        assert good._replace(largest_difference=0.2, accuracy=0.89).problem(number) is None
        assert "accuracy of 88.50%" in good._replace(accuracy=0.885).problem(number)
        unknown = good._replace(accuracy=None, checkpoint_accuracy=None)
        assert unknown._replace(n_changed=10).problem(number) is None
        assert "another label" in unknown._replace(n_changed=11).problem(number)
        few = unknown._replace(n_clips=10)
        assert few._replace(n_changed=1).problem(number) is None
        assert "another label" in few._replace(n_changed=2).problem(number)


@pytest.mark.parametrize(
    ("n_clips", "n_lost", "n_gained", "is_refused", "is_doubted"),
    [
        (90, 0, 0, False, False),
        (90, 2, 0, False, True),  # 2.2 points; none gained of 2 has a probability of 1/4
        (90, 4, 0, False, True),  # of 4: 1/16
        (90, 5, 1, False, True),  # 7/64
        (900, 5, 0, False, False),  # 0.6 points
        (200, 5, 0, True, None),  # 2.5 points, 1/32
        (1000, 15, 4, True, None),  # 1.1 points, 5036/2^19
        (1000, 31, 20, False, True),  # 1.1 points, 0.08
        (20, 1, 0, False, True),
        (20, 2, 0, True, None),  # 10 points are too many, whatever chance does
    ],
)
def test_a_loss_that_chance_explains_is_told_and_no_reason_to_refuse(
    n_clips, n_lost, n_gained, is_refused, is_doubted
):
    accuracy = (0.8 * n_clips + n_gained - n_lost) / n_clips
    trial = trial_module.Trial(
        "x", 1, 1.0, 1.0, n_clips, 0, 0.1, n_lost, accuracy, 0.8, None, n_lost, n_gained
    )
    problem = trial.problem("int8")
    assert (problem is not None) == is_refused
    if is_refused:
        assert "expected at most 1 point less" in problem
    else:
        assert (trial.doubt() is not None) == is_doubted
        assert not is_doubted or f"gets {n_lost} of {n_clips:,} clips wrong" in trial.doubt()
