"""The synthetic dataset on disk: layout, format, repeatability and errors."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.errors import UserError
from open_seq2seq.synthetic import workers
from open_seq2seq.synthetic.dataset import make_dataset
from open_seq2seq.synthetic.noise import NOISE_KINDS
from open_seq2seq.synthetic.plan import plan_clips
from tests.support.paths import ROOT

WORDS = ("yes", "backward")
CLIPS_PER_WORD = 40


def run_script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the script in a folder with spaces in its name, from another folder."""
    script = folder / "path with spaces" / "make_synthetic_speech_commands.py"
    script.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "scripts" / script.name, script)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "made"
    n_clips = make_dataset(folder, WORDS, CLIPS_PER_WORD, seed=7, n_jobs=1)
    assert n_clips == len(WORDS) * CLIPS_PER_WORD
    return folder


def test_layout_and_format(dataset: Path) -> None:
    assert {path.name for path in dataset.iterdir()} == {
        *WORDS,
        "_background_noise_",
        "validation_list.txt",
        "testing_list.txt",
        "README.md",
    }
    assert not dataset.with_name(".made.partial").exists()
    for word in WORDS:
        paths = list((dataset / word).iterdir())
        assert len(paths) == CLIPS_PER_WORD
        lengths = []
        for path in paths:
            info = soundfile.info(path)
            assert (info.format, info.subtype) == ("WAV", "PCM_16")
            assert (info.samplerate, info.channels) == (16000, 1)
            lengths.append(info.frames)
            samples, _ = soundfile.read(path, dtype="int16")
            peak_dbfs = 20 * np.log10(np.abs(samples.astype(int)).max() / 32767)
            assert -35.1 <= peak_dbfs <= -2.9
        assert min(lengths) >= 8000
        assert max(lengths) == 16000
        assert np.mean(np.array(lengths) == 16000) > 0.7


def test_background_noises(dataset: Path) -> None:
    paths = sorted((dataset / "_background_noise_").iterdir())
    assert [path.stem for path in paths] == sorted(NOISE_KINDS)
    assert len(paths) >= 6
    for path in paths:
        info = soundfile.info(path)
        assert (info.subtype, info.samplerate, info.channels) == ("PCM_16", 16000, 1)
        assert info.duration == 60.0


def test_lists_follow_the_published_rule(dataset: Path) -> None:
    expected: dict[str, list[str]] = {"validation_list.txt": [], "testing_list.txt": []}
    for path in dataset.glob("*/*_nohash_*.wav"):
        speaker = path.name.split("_nohash_")[0]
        percentage = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % 2**27 * 100 / (2**27 - 1)
        clip = f"{path.parent.name}/{path.name}"
        if percentage < 10:
            expected["validation_list.txt"].append(clip)
        elif percentage < 20:
            expected["testing_list.txt"].append(clip)
    for name, lines in expected.items():
        assert (dataset / name).read_text().splitlines() == sorted(lines)
        assert len(lines) == len(WORDS) * CLIPS_PER_WORD // 10


def test_files_are_those_of_the_plan(dataset: Path) -> None:
    made = {f"{path.parent.name}/{path.name}" for path in dataset.glob("*/*_nohash_*.wav")}
    assert made == {clip.path for clip in plan_clips(WORDS, CLIPS_PER_WORD, seed=7)}


def test_the_script_with_more_processes_writes_the_same_bytes(
    dataset: Path, tmp_path: Path
) -> None:
    words, n = f"--words={','.join(WORDS)}", f"--clips_per_word={CLIPS_PER_WORD}"
    result = run_script(tmp_path, "--output_dir=again", words, n, "--seed=7", "--n_jobs=2")
    assert result.returncode == 0, result.stderr
    assert digests(tmp_path / "again") == digests(dataset)


@pytest.mark.long
def test_another_seed_changes_every_recording(dataset: Path, tmp_path: Path) -> None:
    make_dataset(tmp_path / "other", ["yes"], 3, seed=8, n_jobs=1)
    wavs = {digest for name, digest in digests(tmp_path / "other").items() if name.endswith(".wav")}
    assert len(wavs) == 3 + len(NOISE_KINDS)
    assert wavs.isdisjoint(digests(dataset).values())


def test_words_have_the_durations_and_the_band_of_speech() -> None:
    clips = plan_clips(WORDS, 12, seed=1)
    workers.start_speaking()
    durations_s: dict[str, list[float]] = {word: [] for word in WORDS}
    for clip, speech in zip(clips, workers.speak(clips, seed=1), strict=True):
        samples = workers.resample(speech, clip.speaker)
        durations_s[clip.word].append(len(samples) / 16000)
        power = np.abs(np.fft.rfft(samples)) ** 2
        frequency_hz = np.fft.rfftfreq(len(samples), 1 / 16000)
        assert power[(frequency_hz > 60) & (frequency_hz < 5000)].sum() > 0.7 * power.sum()
    assert 0.15 < np.mean(durations_s["yes"]) < np.mean(durations_s["backward"]) < 0.9
    assert max(durations_s["backward"]) < 1.0


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    result = run_script(tmp_path, "--output_dir", "full", "--words", "yes", "--clips_per_word", "3")
    assert result.returncode == 2
    assert "full" in result.stderr and "Traceback" not in result.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    assert not (tmp_path / ".full.partial").exists()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"words": ["yes", "up2"]}, "up2"),
        ({"words": ["../yes"]}, "../yes"),
        ({"words": ["yes", "no", "yes"]}, "'yes' appears twice"),
        ({"words": []}, "words"),
        ({"clips_per_word": -1}, "-1"),
        ({"clips_per_word": 2}, "2"),
        ({"seed": -3}, "-3"),
        ({"n_jobs": -2}, "-2"),
    ],
)
def test_invalid_arguments_are_refused(
    tmp_path: Path, changed: dict[str, object], named: str
) -> None:
    arguments: dict[str, object] = {"words": ["yes"], "clips_per_word": 3, "seed": 0, "n_jobs": 1}
    with pytest.raises(UserError, match=named):
        make_dataset(tmp_path / "new", **(arguments | changed))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(n_clips: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path / "new", ["yes"], 3, n_jobs=1, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_error_names_the_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match="pip install espeakng-loader"):
        workers.start_speaking()
