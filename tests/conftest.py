"""Clips that the tests make themselves, and the real ones where they are at hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_server import Server

from open_seq2seq.cli import main
from open_seq2seq.data.dataset_versions import LABELS

SAMPLE_RATE = 16000
TINY = Path(__file__).parent / "tiny_config.py"  # a config that learns tones within seconds
REAL_CLIPS = Path(__file__).parents[2] / "shared" / "data" / "speech_commands_real"

MakeTone = Callable[..., np.ndarray]
WriteWav = Callable[..., Path]
WriteManifest = Callable[..., Path]


def make_tone(
    frequency_hz: float, seconds: float = 1.0, amplitude: float = 0.5, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency_hz / sample_rate * np.arange(round(seconds * sample_rate)))


def save_wav(path: Path, samples: np.ndarray, sample_rate: int = SAMPLE_RATE, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    return path


def save_manifest(path: Path, labels: Sequence[int], clips: Sequence[Path]) -> Path:
    lines = [f"{label},{clip.relative_to(path.parent)}\n" for label, clip in zip(labels, clips, strict=True)]
    path.write_text("".join(["label,path\n", *lines]))
    return path


@pytest.fixture
def tone() -> MakeTone:
    """Return the function that makes a sine, float64 in [-amplitude, amplitude]."""
    return make_tone


@pytest.fixture
def write_wav(tmp_path: Path) -> WriteWav:
    """Return a function that writes an audio file under tmp_path: name, samples, sample_rate, subtype."""
    return lambda name, samples, *args, **kwargs: save_wav(tmp_path / name, samples, *args, **kwargs)


@pytest.fixture
def write_manifest(tmp_path: Path) -> WriteManifest:
    """Return a function that writes clips, a manifest of them and a labels file, and returns the manifest.

    Args of the function:
        labels: of each row.
        clips: the samples of each row.
        name: of the manifest, `<version>-<split>`.
    """

    def write(labels: Sequence[int], clips: Sequence[np.ndarray], name: str = "tiny-train") -> Path:
        paths = [save_wav(tmp_path / name / f"{i:03}.wav", samples) for i, samples in enumerate(clips)]
        version = name.rsplit("-", 1)[0]
        (tmp_path / f"{version}-labels.txt").write_text("".join(f"label{i}\n" for i in range(max(labels) + 1)))
        return save_manifest(tmp_path / f"{name}.csv", labels, paths)

    return write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine; what it serves is ``server.content``."""
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(scope="session")
def tone_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `v2-12-{train,val,test}.csv`, `v2-12-labels.txt` and `v2-12-noise/`; every label is a tone.

    12, 4 and 4 clips per label, 0.5 to 1 s long, with noise. The tones lie five semitones apart, from 200 to
    4797 Hz, so that a pitch shift of two leaves them apart.
    """
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    words = LABELS["v2-12"]
    (folder / "v2-12-labels.txt").write_text("".join(f"{word}\n" for word in words))
    for split, n_clips in (("train", 12), ("val", 4), ("test", 4)):
        labels, clips = [], []
        for label, word in enumerate(words):
            for i in range(n_clips):
                samples = make_tone(200 * 2 ** (5 * label / 12), rng.uniform(0.5, 1.0), 10 ** rng.uniform(-1.5, -0.5))
                noisy = samples + rng.normal(scale=0.003, size=len(samples))
                clips.append(save_wav(folder / word / f"{split}{i:02}.wav", noisy))
                labels.append(label)
        save_manifest(folder / f"v2-12-{split}.csv", labels, clips)
    save_wav(folder / "v2-12-noise" / "hiss.wav", rng.normal(scale=0.1, size=2 * SAMPLE_RATE))
    return folder


@pytest.fixture(scope="session")
def run(tone_dataset: Path) -> Callable[..., int]:
    """Return a function that does what run.py does, on tones: mode, logdir, further arguments, config."""

    def run(mode: str, logdir: Path, *args: str, config: Path = TINY) -> int:
        flags = [f"--config_file={config}", f"--mode={mode}", f"--dataset_location={tone_dataset}"]
        return main([*flags, f"--logdir={logdir}", *args])

    return run


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """The folder of real Speech Commands clips (FLAC), one sub-folder per word."""
    folder = Path(os.environ.get("SPEECH_COMMANDS_REAL", REAL_CLIPS))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}; set SPEECH_COMMANDS_REAL to a folder of Speech Commands")
    return folder
