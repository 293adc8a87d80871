"""Files for microcontrollers hear in a stream what Keras hears in the whole signal."""

import copy
import json
import logging
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.description import describe
from open_seq2seq.exporting.microcontroller import arena, convert
from open_seq2seq.exporting.microcontroller.operators import OPERATORS, operators_of
from open_seq2seq.exporting.microcontroller.scaling import FeatureScaling
from open_seq2seq.exporting.microcontroller.scorer import MicroScorer
from open_seq2seq.streaming.layers import StreamConv
from tests.support.stream_models import (
    FIELD,
    HOP,
    LABELS,
    LOOK_AHEAD,
    N_MFCC,
    RATE,
    features_of_librosa,
    hidden_of_the_whole,
    make_model,
)

N_FRAMES, N_CALLS = 3, 34  # frames of a call, calls of a clip
SCRIPT = Path(open_seq2seq.__file__).parent / "exporting" / "runtimes" / "microcontroller.py"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def runtimes():
    pytest.importorskip("ai_edge_litert", reason="the extra `export` is not installed")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of 40 clips that no label is known of."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(1)
    for index in range(40):
        times = np.arange(RATE) / RATE
        sound = 0.3 * np.sin(2 * np.pi * (200 + 90 * index) * times * (1 + times))
        sound += 0.1 * random.standard_normal(RATE) * (times > 0.5)
        soundfile.write(folder / f"{index}.wav", np.clip(sound, -1, 1), RATE)
    return str(folder)


def sound():
    """Three seconds of a rising tone in noise, int16."""
    random = np.random.default_rng(2)
    times = np.arange(3 * RATE) / RATE
    tone = 6000 * np.sin(2 * np.pi * 700 * times * (1 + times / 3))
    return (tone + 2000 * random.standard_normal(len(times))).astype(np.int16)


@pytest.fixture(scope="module")
def model():
    """One whose layers are all alive: where one gives zeros alone, there is nothing to compare."""
    model = make_model()
    random = np.random.default_rng(5)
    for variable in model.network.variables:
        if variable.path.endswith("kernel"):
            fan_in = variable.shape[0]
            if "depthwise" not in variable.path:
                fan_in = np.prod(variable.shape[:-1])
            variable.assign(random.normal(0.0, np.sqrt(2 / fan_in), variable.shape))
        if "moving_mean" in variable.path:
            variable.assign(np.zeros(variable.shape))
        if "beta" in variable.path:
            variable.assign(random.uniform(0.0, 0.3, variable.shape))
    # probabilities that change with the sound, and are neither 0 nor 1
    classifier = model.network.get_layer("fully_connected_decoder.fully_connected")
    kernel = random.normal(size=classifier.kernel.shape)
    logits = hidden_of_the_whole(model, features_of_librosa(sound())) @ kernel
    pooled = np.stack([logits[i : i + N_CALLS * N_FRAMES].mean(axis=0) for i in range(180)])
    scale = 1.0 / pooled.std(axis=0)
    classifier.set_weights([kernel * scale, -pooled.mean(axis=0) * scale])
    return model


@pytest.fixture(scope="module", params=["tflm", "esphome"])
def exported(request, model, clips, tmp_path_factory):
    """The profile, the folder of its files and the report."""
    profile, folder = request.param, tmp_path_factory.mktemp("micro") / "files"
    params = {"micro_profile": profile}
    if profile == "esphome":
        params["micro_keyword"] = "b"
    report = open_seq2seq.export(
        model,
        export_dir=str(folder),
        export_format=["tflite_micro"],
        export_files=[clips],
        **params,
    )
    return profile, folder, report.as_json()


def program(folder, tmp_path):
    """What a C program reads in the header: names to numbers or texts."""
    source = tmp_path / "main.c"
    source.write_text(
        """
        #include <stdio.h>
        #include "model-micro.h"
        int main(void) {
          printf("%d %d %d %d %d", KWS_N_FEATURES, KWS_FRAMES_PER_CALL, KWS_WARM_UP_CALLS,
                 KWS_ARENA_BYTES, (int)sizeof(kws_model));
          for (int i = 0; i < KWS_N_LABELS; i++) printf(" %s %g", kws_labels[i], kws_thresholds[i]);
          for (int i = 0; i < KWS_N_FEATURES; i++)
            printf(" %.9g %.9g", kws_feature_multipliers[i], kws_feature_offsets[i]);
          for (unsigned i = 0; i < sizeof(kws_model); i++) printf(" %d", kws_model[i]);
        }
        """
    )
    built = tmp_path / "main"
    flags = ["-std=c11", "-Wall", "-Werror", f"-I{folder}"]
    subprocess.run(["gcc", *flags, source, "-o", built], check=True)
    subprocess.run(["g++", "-x", "c++", "-fsyntax-only", f"-I{folder}", source], check=True)
    return subprocess.run([built], check=True, capture_output=True, text=True).stdout.split()


def calibration_of(**stream):
    return Calibration(
        checkpoint_step=None,
        false_accepts_per_hour=0.5,
        stream=StreamParams(method="incremental", **stream),
        window_thresholds={},
        extrapolated=False,
        corpora=[],
        recall_interval=(0.0, 1.0),
        rate_interval=(0.0, 1.0),
    )


def test_thresholds_are_those_calibrated_as_far_as_eight_bits_reach(model, clips, tmp_path, caplog):
    calibrated = copy.copy(model)
    calibrated.calibration = calibration_of(
        smoothing=3, thresholds={"a": 0.99999, "b": 0.75, "c": 0.25}
    )
    folder = tmp_path / "files"
    with caplog.at_level(logging.WARNING, "open_seq2seq"):
        open_seq2seq.export(
            calibrated,
            export_dir=str(folder),
            export_format=["tflite_micro"],
            export_files=[clips],
            check_clips=10,
        )
    assert "the thresholds of a are above it and lowered to it" in caplog.text
    assert "calibrated for method" not in caplog.text
    header = (folder / "model-micro.h").read_text()
    (thresholds,) = re.findall(r"kws_thresholds\[\] = {(.*)};", header)
    numbers = [float(number.rstrip("f")) for number in thresholds.split(", ")]
    assert numbers == [255 / 256, 0.75, 0.25]
    assert "/* thresholds of averages of 3 outputs, 0.1 s apart */" in header


def test_the_header_is_all_that_a_program_needs(exported, model, tmp_path):
    """Sound to features by librosa, to integers by the header, to probabilities by the file."""
    from ai_edge_litert.interpreter import Interpreter

    profile, folder, report = exported
    words = program(folder, tmp_path)
    n_features, n_frames, n_warm_up, arena_bytes, n_bytes = map(int, words[:5])
    assert (n_features, n_frames) == (N_MFCC, N_FRAMES)
    assert (n_warm_up + 1) * N_FRAMES >= FIELD - 1 + N_CALLS * N_FRAMES > n_warm_up * N_FRAMES
    labels = ["b"] if profile == "esphome" else list(LABELS)
    words = words[5:]
    assert words[: 2 * len(labels)] == [text for label in labels for text in (label, "0.5")]
    numbers = np.array(words[2 * len(labels) :], float)
    scales, content = np.split(numbers, [2 * N_MFCC])
    multipliers, offsets = scales.reshape(-1, 2).T
    assert bytes(content.astype(np.uint8)) == (folder / "model-micro.tflite").read_bytes()
    assert len(content) == n_bytes == report["files"][0]["n_bytes"]
    assert arena_bytes == report["model"]["microcontroller"]["arena_bytes"]

    features = features_of_librosa(sound())[: 90 * N_FRAMES]
    steps = np.clip(np.rint(features * multipliers + offsets), -128, 127).astype(np.int8)
    interpreter = Interpreter(str(folder / "model-micro.tflite"))
    interpreter.allocate_tensors()
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert told["dtype"] == (np.uint8 if profile == "esphome" else np.int8)
    scale, zero_point = told["quantization"]
    outputs = []
    for start in range(0, len(steps), N_FRAMES):
        interpreter.set_tensor(given["index"], steps[None, start : start + N_FRAMES])
        interpreter.invoke()
        output = interpreter.get_tensor(told["index"])[0].astype(float)
        outputs.append((output - zero_point) * scale)
    expected = expected_of_keras(model, features, profile)
    difference = np.abs(np.array(outputs)[n_warm_up:] - expected)
    # one scale for all features leaves the last MFCCs a few steps
    assert difference.max() < (0.2 if profile == "esphome" else 0.06)
    assert np.ptp(expected, axis=0).min() > 0.35  # so that it is not one answer for all


def expected_of_keras(model, features, profile):
    """Probabilities after each call, from the network over all frames at once."""
    kernel, bias = model.network.get_layer("fully_connected_decoder.fully_connected").get_weights()
    hidden = hidden_of_the_whole(model, features)
    n_pooled = N_CALLS * N_FRAMES
    rows = []
    for call in range(len(features) // N_FRAMES):
        end = (call + 1) * N_FRAMES - LOOK_AHEAD
        if end - n_pooled < FIELD - 1 - LOOK_AHEAD:
            continue
        logits = hidden[end - n_pooled : end].mean(axis=0) @ kernel + bias
        powers = np.exp(logits - logits.max())
        sigmoid = 1 / (1 + np.exp(max(logits[0], logits[2]) - logits[1]))
        rows.append([sigmoid] if profile == "esphome" else powers / powers.sum())
    return np.array(rows)


def test_the_file_listens_in_place_of_the_model(exported, model):
    """The outputs and their windows are those of the whole signal, whatever the chunks are."""
    profile, folder, report = exported
    scorer = MicroScorer(folder, model)
    assert (scorer.hop_s, scorer.delay_s) == (N_FRAMES * HOP / RATE, LOOK_AHEAD * HOP / RATE)
    whole = list(scorer.push(sound()))
    scorer.reset()
    again = [each for part in np.array_split(sound(), 17) for each in scorer.push(part)]
    given = np.stack([each.probabilities for each in whole])
    np.testing.assert_array_equal(given, [each.probabilities for each in again])
    assert [each[:2] for each in whole] == [each[:2] for each in again]

    expected = expected_of_keras(model, features_of_librosa(sound()), profile)
    assert len(given) == len(expected) > 50
    told = [LABELS.index("b")] if profile == "esphome" else list(range(len(LABELS)))
    assert np.abs(given[:, told] - expected).max() < (0.2 if profile == "esphome" else 0.06)
    assert not np.delete(given, told, axis=1).any()

    n_calls = report["model"]["microcontroller"]["warm_up_calls"] + 1  # until the first output
    last = n_calls * N_FRAMES - 1 - LOOK_AHEAD  # frame
    assert whole[0].start == (last - N_CALLS * N_FRAMES + 1) * HOP
    assert whole[0].end == last * HOP + model.data_layer.n_fft
    assert whole[1].start - whole[0].start == N_FRAMES * HOP


def test_a_folder_without_such_a_file_or_of_another_model_is_refused(
    exported, model, tmp_path, caplog
):
    _, folder, _ = exported
    with pytest.raises(UserError, match=r"micro_dir: .*none has no model-micro.tflite with a mod"):
        MicroScorer(tmp_path / "none", model)
    copied = shutil.copytree(folder, tmp_path / "files")
    card = json.loads((copied / "model_card.json").read_text())
    other = copy.copy(model)
    other.labels = ("a", "x", "c")
    with pytest.raises(UserError, match=r"has the label 'b', which the model in logdir does not"):
        MicroScorer(copied, other)
    card["weights_sha256"] = "0"
    (copied / "model_card.json").write_text(json.dumps(card))
    MicroScorer(copied, model)
    assert "was exported of another checkpoint of the model" in caplog.text
    del card["microcontroller"]["pooled_frames"]  # as an older version wrote it
    (copied / "model_card.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"model_card.json of this version; name a folder that"):
        MicroScorer(copied, model)


def test_a_call_is_as_long_as_the_calibrated_hop(model, caplog):
    calibrated = copy.copy(model)
    calibrated.calibration = calibration_of(hop_s=4 * HOP / RATE, thresholds={})
    n_frames = []
    for flags in ({}, {"micro_frames": 2}):
        params = ExportParams(export_format=["tflite_micro"], **flags)
        n_frames.append(describe(calibrated, params, RATE)["input"]["shape"][0])
        assert ("micro_frames=2 gives an output every" in caplog.text) == bool(flags)
    assert n_frames == [4, 2]


def test_what_the_runtime_lacks_is_not_in_the_file(exported):
    profile, folder, report = exported
    needed = operators_of((folder / "model-micro.tflite").read_bytes())
    device = report["model"]["microcontroller"]
    assert device["operators"] == needed and set(needed) <= OPERATORS[profile]
    assert ("SOFTMAX" in needed) == (profile == "tflm")
    assert not {"DEQUANTIZE", "SPACE_TO_BATCH_ND"} & set(needed)
    (file,) = report["files"]
    assert file["n_clips"] == 40 and file["n_changed"] <= 2 and file["n_non_finite"] == 0
    card = (folder / "model_card.md").read_text()
    assert f"Tensor arena: {device['arena_bytes']:,} bytes" in card


def test_the_manifest_is_as_esphome_reads_it(exported):
    profile, folder, report = exported
    path = folder / "model-micro.json"
    assert path.exists() == (profile == "esphome")
    if profile == "esphome":
        manifest = json.loads(path.read_text())
        micro = manifest.pop("micro")
        assert manifest == {
            "type": "micro",
            "wake_word": "b",
            "author": "",
            "model": "model-micro.tflite",
            "trained_languages": [],
            "version": 2,
        }
        assert micro == {
            "probability_cutoff": 0.5,
            "feature_step_size": 1000 * HOP // RATE,
            "sliding_window_size": 5,
            "tensor_arena_size": report["model"]["microcontroller"]["arena_bytes"],
            "minimum_esphome_version": "2024.7.0",
        }


def test_the_arena_is_measured_where_the_interpreter_is_installed(exported):
    runtime = pytest.importorskip("tflite_micro", reason="the extra `micro` is not installed")
    _, folder, report = exported
    measured = report["model"]["microcontroller"]["arena_bytes"]
    assert report["files"][0]["arena_bytes"] == measured
    content = (folder / "model-micro.tflite").read_bytes()
    assert abs(arena.estimate_arena(content) / measured - 1) < 0.25
    runtime.runtime.Interpreter.from_bytes(content, arena_size=measured).invoke()
    with pytest.raises(RuntimeError):
        runtime.runtime.Interpreter.from_bytes(content, arena_size=measured - 32).invoke()


INTERPRETER = """
import os

import numpy as np

details = {"quantization_parameters": {"scales": [1.0], "zero_points": [0]}, "shape": (1, 1, 1)}

class Interpreter:
    @classmethod
    def from_bytes(cls, content, arena_size=10**6):
        if arena_size < 1000:
            os.abort()
        return cls()

    get_input_details = get_output_details = lambda self, index: details
    set_input = lambda self, values, index: None
    invoke = lambda self: None
    get_output = lambda self, index: np.zeros((1, 1), np.int8)
"""


def test_an_interpreter_that_crashes_in_too_small_an_arena_is_measured(tmp_path):
    """The least that fits is between 1000 and 1016 bytes, in steps of 16."""
    (tmp_path / "tflite_micro").mkdir()
    (tmp_path / "tflite_micro/__init__.py").write_text("")
    (tmp_path / "tflite_micro/runtime.py").write_text(INTERPRETER)
    (tmp_path / "model").write_bytes(b"x" * 100)
    np.save(tmp_path / "tracks.npy", np.zeros((1, 2, 1), np.float32))
    done = subprocess.run(
        [sys.executable, SCRIPT, "model", "tracks.npy", "outputs.npy"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["arena_bytes"] in (1008, 1024)


def test_without_the_interpreter_litert_tries_the_file(exported, tmp_path, monkeypatch, capsys):
    _, folder, _ = exported
    model = str(folder / "model-micro.tflite")
    tracks = np.random.default_rng(3).uniform(-1, 1, (2, 70 * N_FRAMES, N_MFCC))
    np.save(tmp_path / "tracks.npy", tracks.astype(np.float32))
    outputs = []
    for name in ("installed", "missing"):
        if name == "missing":
            monkeypatch.setitem(sys.modules, "tflite_micro", None)
        monkeypatch.setattr(
            sys, "argv", ["x", model, str(tmp_path / "tracks.npy"), str(tmp_path / f"{name}.npy")]
        )
        runpy.run_path(str(SCRIPT))
        printed = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert len(printed["times_ms"]) == 2 * 70
        outputs.append(np.load(tmp_path / f"{name}.npy"))
    assert printed["arena_bytes"] is None
    np.testing.assert_allclose(*outputs, atol=8 / 256)


@pytest.mark.long
def test_one_changed_weight_fails_the_export(model, clips, tmp_path, monkeypatch):
    made = convert.convert

    def damaged(*args, **kwargs):
        """The bias of the classifier's first label, of 32 bits, made as large as can be."""
        from ai_edge_litert import schema_py_generated as schema
        from flatbuffers import Builder

        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(made(*args, **kwargs), 0))
        graph = tree.subgraphs[0]
        codes = [code.builtinCode for code in tree.operatorCodes]
        (classifier,) = [
            each
            for each in graph.operators
            if codes[each.opcodeIndex] == schema.BuiltinOperator.FULLY_CONNECTED
        ]
        buffer = tree.buffers[graph.tensors[classifier.inputs[2]].buffer]
        biases = np.frombuffer(bytes(buffer.data), np.int32).copy()
        biases[0] = 2**24 if biases[0] < 0 else -(2**24)
        buffer.data = np.frombuffer(biases.tobytes(), np.uint8)
        builder = Builder()
        builder.Finish(tree.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    monkeypatch.setattr(convert, "convert", damaged)
    params = {"export_format": ["tflite_micro"], "export_files": [clips]}
    with pytest.raises(UserError, match=r"model-micro.tflite: gives \d+ of 40 clips another label"):
        open_seq2seq.export(model, export_dir=str(tmp_path / "x"), **params)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5)])
def test_the_first_layer_takes_up_the_scales(shape):
    random = np.random.default_rng(4)
    frames = random.normal(3.0, [50.0, 5.0, 1.0, 0.5], (20, 4)).astype(np.float32)
    conv = StreamConv(random.normal(size=shape), random.normal(size=shape[-1]), dilation=2)
    scaling = FeatureScaling.of(frames)
    scaled = scaling(frames)
    np.testing.assert_allclose(scaled.min(axis=0), -1, atol=1e-6)
    np.testing.assert_allclose(scaled.max(axis=0), 1, atol=1e-6)
    expected = conv(frames)[conv.field - 1 :]
    given = scaling.taken_up_by(conv)(scaled)[conv.field - 1 :]
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"micro_profile": "esphome"}, "ESPHome hears one keyword .* name one of a, b, c"),
        ({"micro_keyword": "d"}, "micro_keyword: the model has no label 'd'"),
        ({"export_dtype": ["float32"]}, "export_format tflite_micro .* has int8, not float32"),
        ({"export_files": []}, "small integers need clips to calibrate them"),
    ],
)
def test_what_is_missing_or_wrong_is_named(model, clips, tmp_path, params, problem):
    params = {"export_files": [clips], **params}
    with pytest.raises(UserError, match=problem):
        open_seq2seq.export(
            model, export_dir=str(tmp_path / "x"), export_format=["tflite_micro"], **params
        )
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_hear_so_is_refused_with_its_reason(trained, tmp_path):
    flags = [f"--logdir={trained[0]}", f"--export_dir={tmp_path / 'x'}"]
    with pytest.raises(UserError, match=r"tflite_micro hears each frame once: .* has stride 2"):
        cli.main(["--mode=export", *flags, "--export_format=tflite_micro"])
    assert not list(tmp_path.iterdir())
