"""Clips that the tests make themselves, and the real ones where they are at hand."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.cli import main
from open_seq2seq.training import hooks
from tests.support.archive_server import Server
from tests.support.output_runs import (  # noqa: F401 (fixtures)
    few_keywords,
    merged_run,
    stream_config,
    train_few,
)
from tests.support.paths import ROOT, TINY
from tests.support.shared_runs import made_once  # noqa: F401 (a fixture)
from tests.support.tones import make_tone, save_manifest, save_tones, save_wav
from tests.support.trained_tdnn import trained  # noqa: F401 (a fixture)

REAL_CLIPS = ROOT.parent / "shared" / "data" / "speech_commands_real"

MakeTone = Callable[..., np.ndarray]
WriteWav = Callable[..., Path]
WriteManifest = Callable[..., Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs more than a machine has, unless it is asked for by name."""
    for item in items:
        for need in ("network", "microphone"):
            if item.get_closest_marker(need) and need not in item.config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason=f"-m {need} runs it"))


@pytest.fixture
def tone() -> MakeTone:
    """Return the function that makes a sine, float64 in [-amplitude, amplitude]."""
    return make_tone


@pytest.fixture
def write_wav(tmp_path: Path) -> WriteWav:
    """Return a function that writes an audio file under tmp_path: name, samples, sample_rate,
    subtype.
    """
    return lambda name, samples, *args, **kwargs: save_wav(
        tmp_path / name, samples, *args, **kwargs
    )


@pytest.fixture
def write_manifest(tmp_path: Path) -> WriteManifest:
    """Return a function that writes clips, a manifest of them and a labels file, and returns the
    manifest.

    Args of the function:
        labels: of each row.
        clips: the samples of each row.
        name: of the manifest, `<version>-<split>`.
    """

    def write(labels: Sequence[int], clips: Sequence[np.ndarray], name: str = "tiny-train") -> Path:
        paths = [
            save_wav(tmp_path / name / f"{i:03}.wav", samples) for i, samples in enumerate(clips)
        ]
        version = name.rsplit("-", 1)[0]
        (tmp_path / f"{version}-labels.txt").write_text(
            "".join(f"label{i}\n" for i in range(max(labels) + 1))
        )
        return save_manifest(tmp_path / f"{name}.csv", labels, paths)

    return write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine; what it serves is ``server.content``."""
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    threading.Thread(
        target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(scope="session")
def tone_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `tones.save_tones` fills."""
    return save_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def run(tone_dataset: Path) -> Callable[..., int]:
    """Return a function that does what run.py does, on tones: mode, logdir, further arguments,
    config.
    """

    def run(mode: str, logdir: Path, *args: str, config: Path = TINY) -> int:
        flags = [f"--config_file={config}", f"--mode={mode}", f"--dataset_location={tone_dataset}"]
        return main([*flags, f"--logdir={logdir}", *args])

    return run


@pytest.fixture
def after_step() -> Iterator[list[Callable[[hooks.StepRecord], None]]]:
    """The functions that are called after each training step; a test may add some."""
    before = list(hooks.after_step)
    yield hooks.after_step
    hooks.after_step[:] = before


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], io.BytesIO]:
    """Return a function that makes stdout and stderr streams of an encoding, and returns what gets
    the bytes of both.
    """

    def make(encoding: str) -> io.BytesIO:
        written = io.BytesIO()
        for name in ("stdout", "stderr"):
            stream = io.TextIOWrapper(written, encoding=encoding, write_through=True)
            monkeypatch.setattr(f"sys.{name}", stream)
        return written

    return make


@pytest.fixture(scope="session")
def web_package() -> Path:
    """npm's package that exported pages run on, as `make web` fetches it."""
    pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
    folder = Path(sys.prefix, "web", "node_modules", "onnxruntime-web")
    if not folder.is_dir():
        pytest.skip(f"no {folder}; `make web` fetches it through npm")
    return folder


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """The folder of real Speech Commands clips (FLAC), one sub-folder per word."""
    folder = Path(os.environ.get("SPEECH_COMMANDS_REAL", REAL_CLIPS))
    if not folder.is_dir():
        pytest.skip(
            f"no real clips at {folder}; set SPEECH_COMMANDS_REAL to a folder of Speech Commands"
        )
    return folder
