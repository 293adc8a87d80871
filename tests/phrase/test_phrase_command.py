"""The command's steps: what they make, that none is done twice, and what is refused.

The modes that it runs are replaced by some that note what they were told; `test_quick_detector`
has the true ones.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from open_seq2seq import cli
from open_seq2seq.commands import phrase as command
from open_seq2seq.config import load_config
from open_seq2seq.data.manifests import read_labels, read_manifests
from open_seq2seq.detection.advice import RateNotReached
from open_seq2seq.detection.counts import ALL, Counts
from open_seq2seq.errors import UserError
from open_seq2seq.phrase import amounts
from open_seq2seq.synthetic.vocabulary import common_words
from tests.support.tones import make_tone, save_wav

TINY = amounts.Amounts(
    n_voices=24,
    of_phrase={"train": 6, "val": 2, "test": 3},
    of_confusable={"train": 1, "val": 1, "test": 1},
    of_word={"train": 1, "val": 0, "test": 0},
    n_words=5,
    n_swapped=2,
    n_double=4,
    speech_minutes={"train": 0.5, "val": 0.5, "test": 0.5},
    track_minutes={"val": 0.2, "test": 0.2},
    n_rooms=2,
    rows_per_epoch=256,
    n_epochs=2,
    n_evaluations=2,
)


def write_tones(wanted, **others) -> None:
    """Stand for the writer of sentences, which has tests of its own."""
    for folder, minutes in wanted.values():
        save_wav(folder / "000.wav", make_tone(440, 60 * minutes, 0.2))


class Modes:
    """Stands for the command open-seq2seq."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[list[str]] = []
        self.before: dict[str, Callable[[], int | None]] = {}  # mode -> what it does first

    def __call__(self, arguments: Sequence[str]) -> int:
        self.calls.append(list(arguments))
        if (status := self.before.get(self.mode, lambda: None)()) is not None:
            return status
        if self.mode == "detect":
            self._measure(arguments)
        if self.mode == "export":
            target = Path(next(a for a in arguments if "export_dir" in a).partition("=")[2])
            target.mkdir(parents=True)
            (target / "model.tflite").write_bytes(bytes(1234))
        return 0

    @property
    def mode(self) -> str:
        return self.modes[-1]

    @property
    def modes(self) -> list[str]:
        each = (argument for call in self.calls for argument in call)
        return [text.partition("=")[2] for text in each if text.startswith("--mode=")]

    def _measure(self, arguments: Sequence[str]) -> None:
        names = [text.partition("=")[0] for text in arguments if not text.startswith("--")]
        counts = Counts(ALL, hours=2.0, said=50, found=40, false_accepts=4, latencies_s=(0.5,))
        event = {"path": "x/a.wav", "start": 1.0, "end": 2.0, "label": "stop", "score": 0.99}
        corpus = {"all": counts.as_json(), "highest_false_accepts": [event]}
        summary = {
            "corpora": dict.fromkeys(names, corpus),
            "all": counts.as_json(),
            "calibration": {"corpora": [{"name": "tracks", "path": "x y/val"}]},
            "settings": {
                "thresholds": {"stop": 0.7}, "threshold": 0.5,
                "smoothing": 3, "hop_s": 0.1, "window_s": 1.0,
            },
        }  # fmt: skip
        given = [a.partition("=")[2] for a in arguments if a.startswith("--detect_dir=")]
        folder = Path(given[0]) if given else self.folder / "result" / "detection"
        path = folder / "summary.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(summary))


@pytest.fixture
def modes(monkeypatch, tmp_path):
    monkeypatch.setattr("open_seq2seq.phrase.QUICK", TINY, raising=False)
    few = common_words()[::8]  # how all of them are pronounced takes two seconds
    monkeypatch.setattr("open_seq2seq.phrase.texts.common_words", lambda: few)
    monkeypatch.setattr("open_seq2seq.phrase.steps.write_sentence_splits", write_tones)
    made = Modes(tmp_path / "out")
    monkeypatch.setattr(cli, "main", made)
    return made


def run(folder: Path, *flags: str, phrases: Sequence[str] = ("stop",)) -> int:
    return command.main([*phrases, f"--output_dir={folder}", "--quick", *flags])


@pytest.mark.slow
def test_steps_are_done_once_and_what_was_stopped_goes_on(modes, capsys):
    folder = modes.folder
    modes.before["train_eval"] = lambda: 130  # Ctrl-C: it has saved a checkpoint
    assert run(folder) == 130
    assert "the same command goes on" in capsys.readouterr().err
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.wav")}
    del modes.before["train_eval"]
    assert run(folder) == 0
    assert modes.modes == ["train_eval", "train_eval", "detect", "export", "export", "detect"]
    assert modes.calls[0] == modes.calls[1] and "--no_dir_check" in modes.calls[0]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.wav")} == written
    assert run(folder) == 0  # all is done: the report alone is written again
    assert len(modes.calls) == 6
    files = folder / "exported" / "micro"
    assert f"--micro_dir={files}" in modes.calls[-1]
    assert f"--detect_dir={files / 'detection'}" in modes.calls[-1]
    check_data(folder)
    check_config(folder)
    check_report(folder)
    forget_step(folder, "val")  # as if it had been killed before it could note that it was done
    (folder / "tracks" / ".test.partial").mkdir()
    assert run(folder) == 0
    assert list(folder.rglob("*.partial")) == []
    assert list((folder / "tracks" / "val").glob("*.wav"))
    # thresholds are chosen without words that were made to sound like the phrase
    said = {part: words_in(folder / "tracks" / part) for part in ("val", "test", "similar")}
    assert said["val"] == said["test"] == {"stop"} < said["similar"]


def forget_step(folder: Path, name: str) -> None:
    path = folder / "phrase.json"
    content = json.loads(path.read_text())
    del content["done"][name]
    path.write_text(json.dumps(content))


def check_data(folder: Path) -> None:
    labels = read_labels(folder / "data" / "keywords-labels.txt")
    assert labels == ("stop", "unknown")
    # by TINY: 6 clips of the phrase; each of the others is unknown
    counts = {}
    for path in sorted((folder / "data").glob("*.csv")):
        rows = read_manifests([path], labels)
        counts[path.stem] = [int((rows["label"] == label).sum()) for label in (0, 1)]
    assert counts["phrase-train"] == [6, 0] and counts["words-train"] == [0, 5]
    assert counts["double-train"] == [0, 4]
    n_confusable = counts["confusable-train"][1]
    assert n_confusable > 10 and counts["keywords-val"] == [2, n_confusable]
    assert counts["keywords-test"] == [3, n_confusable]
    speakers = {
        path.stem: set(pd.read_csv(path)["speaker"]) for path in (folder / "data").glob("*.csv")
    }
    assert not speakers["phrase-train"] & speakers["keywords-test"]
    assert not speakers["confusable-train"] & speakers["keywords-val"]
    assert len(list((folder / "data" / "rooms").glob("*.wav"))) == 2


def words_in(folder: Path) -> set[str]:
    lists = [pd.read_csv(path) for path in folder.glob("*.csv")]
    return {word for table in lists for word in table["word"]}


def check_config(folder: Path) -> None:
    check = [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", "--line-length=100"]
    subprocess.run([*check, str(folder / "config.py")], check=True)
    config = load_config(str(folder / "config.py"), "train_eval", {})
    data = config.data_layers["train"]
    assert [source.weight for source in data.sources] == [0.7, 0.6, 0.3, 1.4]
    assert data.sources[-1].recordings == str(folder / "speech" / "train")
    field = 1
    for layer in config.encoder.convnet_layers:
        (kernel,) = layer.kernel_size
        dilation = layer.dilation[0] if isinstance(layer.dilation, list) else layer.dilation
        field += (kernel - 1) * dilation
    pooled = config.decoder.pooled_frames
    assert pooled == 51 and data.audio_length == pooled + field - 1
    assert data.context_window_ms == 1000 and field == 31
    assert config.params.eval_steps == 2 and config.params.num_epochs == 2  # 256 / 128 steps
    tracks = config.params.validation_tracks_params.tracks
    assert tracks == [f"tracks={folder}/tracks/val", f"speech={folder}/speech/val"]


def check_report(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    # Wilson's interval of 40 of 50, Garwood's of 4 in 2 hours
    assert "recall 80.0% of 50 (95 % interval 67.0% to 88.8%)" in text
    assert "4 false accepts, 2.00 per hour (95 % interval 0.54 to 5.12)" in text
    file = next(line for line in text.splitlines() if "the file for microcontrollers, on" in line)
    assert "recall 80.0% of 50" in file
    assert "measured on synthetic voices only" in text and "x/a.wav" in text
    assert "exported/micro/model.tflite: 1,234 bytes" in text
    chosen = "--window_s=1 '--calibrate=['\"'\"'tracks=x y/val'\"'\"']'"  # as a shell takes it
    assert f"--mode=detect --logdir=ANOTHER_FOLDER --method=incremental {chosen}" in text
    report = json.loads((folder / "report.json").read_text())
    assert report["tested_on_people"] == {"recall": False, "false_accepts": False}
    assert report["look_ahead_s"] == pytest.approx(0.30)


@pytest.mark.slow
def test_own_sound_is_a_source_and_a_test(modes, tmp_path, capsys):
    for n in range(6):
        save_wav(tmp_path / "own" / f"{'abc'[n % 3]}_nohash_{n}.wav", make_tone(440, 0.6, 0.3))
        save_wav(tmp_path / "radio" / f"{n}.wav", make_tone(300 + n, 2.0, 0.3))
    modes.before["detect"] = refuse_calibration(modes)
    flags = [f"--recordings={tmp_path / 'own'}", f"--negatives={tmp_path / 'radio'}"]
    with pytest.raises(UserError, match="not calibrated: calibrate: no setting reaches"):
        run(modes.folder, *flags)
    detect = [call for call in modes.calls if "--mode=detect" in call]
    assert any("--calibrate" in text for text in detect[0])
    assert not any("--calibrate" in text for text in detect[1])
    names = [text.partition("=")[0] for text in detect[1] if not text.startswith("--")]
    assert names == ["tracks", "negatives", "similar", "recordings"]
    config = load_config(str(modes.folder / "config.py"), "train_eval", {})
    sources = config.data_layers["train"].sources
    assert [source.weight for source in sources] == [0.7, 0.6, 0.3, 1.4, 1.4, 0.6]
    assert config.data_layers["train"].background_speech == sources[-2].recordings
    own = sources[-1].dataset_files[0]
    rows = read_manifests([Path(own)], ("stop", "unknown"))
    assert len(rows) == 4 and set(rows["label"]) == {0}
    # no recording is in two parts, whatever its links are called
    parts = [
        {path.resolve() for path in (modes.folder / "negatives" / split).rglob("*.wav")}
        for split in ("train", "val", "test")
    ]
    assert not parts[0] & (parts[1] | parts[2]) and len(parts[0]) == 2
    text = (modes.folder / "report.md").read_text()
    assert "recall and false accepts were measured on your own recordings" in text
    assert "The thresholds are not calibrated" in text
    capsys.readouterr()


@pytest.mark.slow
def test_an_export_that_failed_is_tried_again(modes, monkeypatch, capsys):
    def refuse(*args):
        raise UserError("export: LiteRT is not installed here; pip install it")

    monkeypatch.setattr("open_seq2seq.phrase.using.check_runtime", refuse)
    modes.before["export"] = refuse
    with pytest.raises(UserError, match=r"not exported \(float\): export: LiteRT is not"):
        run(modes.folder)
    # it is said before the long work too
    assert "without it the detector is made, and not exported" in capsys.readouterr().err
    assert "LiteRT is not installed" in (modes.folder / "report.md").read_text()
    del modes.before["export"]
    n_before = len(modes.modes)
    assert run(modes.folder) == 0
    assert modes.modes[n_before:] == ["export", "export", "detect"]
    assert "model.tflite: 1,234 bytes" in (modes.folder / "report.md").read_text()


def refuse_calibration(modes: Modes) -> Callable[[], None]:
    def refuse() -> None:
        if any("--calibrate" in text for text in modes.calls[-1]):
            raise RateNotReached("calibrate: no setting reaches 0.5 false accepts per hour")

    return refuse


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--speaker_pattern=[", "not a regular expression"),
        ("--speaker_pattern=(a)", "--speaker_pattern is for --recordings"),
    ],
)
def test_a_speaker_pattern_that_means_nothing_is_refused(modes, flag, message):
    with pytest.raises(UserError, match=message):
        run(modes.folder, flag)
    assert not modes.folder.exists()


def test_a_folder_of_something_else_is_left_alone(modes):
    modes.folder.mkdir()
    (modes.folder / "thesis.txt").write_text("do not lose")
    with pytest.raises(UserError, match=r"is not empty and has no phrase\.json"):
        run(modes.folder)
    assert [path.name for path in modes.folder.iterdir()] == ["thesis.txt"]


def test_another_request_for_the_same_folder_is_refused(modes):
    modes.folder.mkdir()
    request = {"phrases": ["stop"], "seed": 0, "quick": True}
    content = {"format": 1, "request": request, "done": {}}
    (modes.folder / "phrase.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"begun with phrases \['stop'\], now it is \['go left'\]"):
        run(modes.folder, phrases=["go left"])
    (modes.folder / "phrase.json").write_text("{")
    with pytest.raises(UserError, match=r"phrase\.json cannot be used"):
        run(modes.folder)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--negatives={}"], "0 audio files in it, expected three or more"),
        (["--recordings={}"], "no recordings in it"),
        (["--seed=-1"], "--seed: "),
        (["--false_accepts_per_hour=0"], "--false_accepts_per_hour: "),
    ],
)
def test_nothing_is_written_for_what_cannot_be(modes, tmp_path, flags, message):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=message):
        run(modes.folder, *(flag.format(empty) for flag in flags))
    assert not modes.folder.exists() and not modes.calls


def test_a_disk_without_room_is_named(modes, monkeypatch):
    modes.folder.parent.mkdir(exist_ok=True)
    (modes.folder).write_text("a file where the folder should be")
    with pytest.raises(UserError, match="output_dir"):
        run(modes.folder)
