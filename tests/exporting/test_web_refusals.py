"""Pages that are refused: the runtime is missing or another one, or the model is not as good."""

import hashlib
import shutil
import tarfile

import numpy as np
import pytest

import open_seq2seq
from open_seq2seq import cli
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.errors import UserError
from open_seq2seq.exporting import trial as trial_module
from open_seq2seq.exporting import web_runtime

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _converter():
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")


@pytest.fixture
def model(trained):
    return open_seq2seq.from_pretrained(trained[0])


def export(model, tmp_path, **params):
    folder = str(tmp_path / "files")
    return open_seq2seq.export(model, export_dir=folder, export_format=["web"], **params)


@pytest.fixture
def small_package(tmp_path):
    """A package with the names of the real one."""
    folder = tmp_path / "package"
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "onnxruntime-web", "version": "1.2.3"}')
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        (folder / "dist" / name).write_text(name)
    return folder


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Return a function that makes `npm` a script; without a script there is no npm."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("sh", "cp", "echo"):
        (bin_folder / name).symlink_to(shutil.which(name))

    def make(script=None):
        if script is not None:
            (bin_folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
            (bin_folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", str(bin_folder))

    return make


def test_a_missing_runtime_is_named_with_both_ways_to_it(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flags = ["--mode=export", f"--logdir={trained[0]}", "--export_dir=files", "--export_format=web"]
    with pytest.raises(UserError, match=r"is not here; fetch it .*--download, .*--web_runtime"):
        cli.main(flags)
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="web_runtime: other is not npm's package onnxruntime-web"):
        cli.main([*flags, "--web_runtime=other"])
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_another_package_or_version_is_named(small_package):
    assert web_runtime.find(str(small_package), False).version == "1.2.3"
    (small_package / "dist" / "ort.wasm.min.mjs").unlink()
    with pytest.raises(UserError, match=r"\(1.2.3\) has no dist/ort.wasm.min.mjs; use version"):
        web_runtime.find(str(small_package), False)
    for text in ("no json", "[]", '{"name": "onnxruntime-node", "version": "1"}'):
        (small_package / "package.json").write_text(text)
        with pytest.raises(UserError, match="is not npm's package onnxruntime-web"):
            web_runtime.find(str(small_package), False)


def test_the_package_of_the_folder_one_works_in_is_found(small_package, tmp_path, monkeypatch):
    (tmp_path / "node_modules").mkdir()
    small_package.rename(tmp_path / "node_modules" / "onnxruntime-web")
    monkeypatch.chdir(tmp_path)
    files = web_runtime.find(None, False).files
    assert files["ort-wasm-simd-threaded.js"] == b"ort-wasm-simd-threaded.mjs"
    assert b"MIT License" in files["LICENSE"]


def test_download_asks_npm_for_one_version_and_takes_no_other_content(
    small_package, npm, tmp_path, monkeypatch
):
    archive = tmp_path / "onnxruntime-web.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(small_package, "package")
    npm(f'echo "$@" >{tmp_path}/asked; cp {archive} .')
    with pytest.raises(UserError, match=r"has another SHA-512 than expected.*; it is not used"):
        web_runtime.find(None, True)
    sha512 = hashlib.sha512(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(web_runtime, "_SHA512", sha512)
    assert web_runtime.find(None, True).files["ort.wasm.min.js"] == b"ort.wasm.min.mjs"
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:2] == ["pack", f"onnxruntime-web@{web_runtime.VERSION}"]
    assert "--ignore-scripts" in asked


def test_npm_that_is_missing_or_fails_is_named(npm):
    npm()
    with pytest.raises(UserError, match="--download: needs npm, which is not here"):
        web_runtime.find(None, True)
    npm('echo "npm error network" >&2; exit 1')
    with pytest.raises(UserError, match=r"npm cannot fetch onnxruntime-web .*: network; try"):
        web_runtime.find(None, True)


def test_npm_is_asked_only_with_download(trained, npm, tmp_path, monkeypatch):
    npm(f"echo asked >{tmp_path}/asked; exit 1")
    monkeypatch.chdir(tmp_path)
    flags = ["--mode=export", f"--logdir={trained[0]}", "--export_dir=x", "--export_format=web"]
    with pytest.raises(UserError):
        cli.main(flags)
    assert not (tmp_path / "asked").exists()
    with pytest.raises(UserError, match="npm cannot fetch"):
        cli.main([*flags, "--download"])
    assert (tmp_path / "asked").exists() and not (tmp_path / "x").exists()


@pytest.mark.parametrize("has_node", [pytest.param(True, marks=pytest.mark.long), False])
def test_one_changed_weight_fails_the_export(
    model, web_package, tmp_path, monkeypatch, caplog, has_node
):
    """With node by the page's own runtime, without it by Python's."""
    which = {} if not has_node else {"node": shutil.which("node")}
    if has_node and which["node"] is None:
        pytest.skip("node is not installed")
    monkeypatch.setattr(trial_module.shutil, "which", which.get)
    # what it predicts is of the weights at its first prediction: parts of 16, and one alone
    model.probabilities([np.zeros(16000, np.int16)] * 17)
    kernel = max(model.network.trainable_variables, key=lambda v: v.numpy().size)
    weights = kernel.numpy()
    weights.flat[weights.size // 2] += 1.0
    kernel.assign(weights)
    with pytest.raises(UserError, match=r"web: differs from the checkpoint .*nothing is exported"):
        export(model, tmp_path / "bad", web_runtime=str(web_package))
    assert ("node is not here" in caplog.text) == (not has_node)
    assert not (tmp_path / "bad" / "files").exists()


def test_a_corrupt_runtime_fails_the_export(model, web_package, tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    shutil.copytree(web_package, tmp_path / "package", ignore=shutil.ignore_patterns("*.map"))
    wasm = tmp_path / "package" / "dist" / "ort-wasm-simd-threaded.wasm"
    wasm.write_bytes(wasm.read_bytes()[:1_000_000])
    with pytest.raises(UserError, match="web: its runtime refuses it: "):
        export(model, tmp_path, web_runtime=str(tmp_path / "package"))
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"export_input": "features"}, "web takes waveforms, not features"),
        ({"export_samples": "int16"}, "web takes float32 samples"),
        ({"export_dtype": ["int8"]}, "web with export_input waveform has float32, not int8"),
        ({"export_format": ["onnx"], "download": True}, "are for export_format web alone"),
        ({"export_format": ["tflite"], "web_runtime": "x"}, "are for export_format web alone"),
    ],
)
def test_what_a_page_cannot_be_is_named(params, problem):
    with pytest.raises(ValueError, match=problem):
        ExportParams(**{"export_format": ["web"], **params})
