"""Recordings of a user's own: names without speakers, other formats, odd folders, few clips."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from open_seq2seq.commands import prepare as command
from open_seq2seq.data.manifests import read_labels, read_manifests
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import scan_clips

SPLITS = ("train", "val", "test")
WriteClips = Callable[..., None]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def write_clips(data: Path) -> WriteClips:
    """Return a function that writes clips of noise, each another one, under the data folder.

    Args of the function:
        names: of the files.
        seconds: of each clip.
    """
    rng = np.random.default_rng(0)

    def write(*names: str, seconds: float = 0.1) -> None:
        for name in names:
            path = data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = rng.uniform(-0.1, 0.1, round(16000 * seconds))
            format = {".opus": "OGG", ".oga": "OGG"}.get(path.suffix)
            subtype = "OPUS" if path.suffix == ".opus" else None
            soundfile.write(path, samples, 16000, format=format, subtype=subtype)

    return write


@pytest.fixture
def prepare(data: Path, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Return a function that runs the command and returns the rows of all manifests.

    Args of the function:
        keywords: as on the command line.
        flags: further ones.
        output_dir: by default a new folder.
    """

    def run(keywords: str, *flags: str, output_dir: Path = tmp_path / "out") -> pd.DataFrame:
        places = [f"--data_dir={data}", f"--output_dir={output_dir}"]
        command.main([*places, f"--keywords={keywords}", *flags])
        labels = read_labels(output_dir / "keywords-labels.txt")
        paths = [output_dir / f"keywords-{split}.csv" for split in SPLITS]
        read_manifests(paths, labels)  # training would read them so
        tables = [
            pd.read_csv(path, keep_default_na=False).assign(split=split)
            for path, split in zip(paths, SPLITS, strict=True)
        ]
        return pd.concat(tables, ignore_index=True)

    return run


BARE = ("--no_unknown", "--no_silence")


def _numbered(word: str, n: int) -> list[str]:
    return [f"{word}/{i:03}.wav" for i in range(1, n + 1)]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# What the preprocessing wrote


def test_its_own_output_is_no_word(data, write_clips, prepare, caplog):
    for word in ("lamp", "door", "bell"):
        write_clips(*_numbered(word, 12))
    write_clips("_background_noise_/hum.wav", seconds=10)
    flags = ("--split=random", "--no_balance")
    prepare("lamp,door", *flags, output_dir=data)
    first = _digests(data)
    for version in ("v1-12", "v2"):  # what other calls would have left
        write_clips(f"{version}-noise/hum.wav", f"{version}-silence/train/silence_000000.wav")
    write_clips("lamp/keywords-noise/hum.wav")  # of a call with --output_dir=data/lamp
    caplog.clear()
    prepare("lamp,door", *flags, output_dir=data)
    assert _digests(data).items() >= first.items()
    assert "one folder too deep" not in caplog.text
    with pytest.raises(UserError, match="'keywords-noise' has no folder with clips"):
        prepare("lamp,keywords-noise", *flags, output_dir=data)


# Who speaks


def test_numbered_files_are_nobody_elses(data, write_clips, prepare, caplog):
    lists = {"validation_list.txt": (1, 2), "testing_list.txt": (3, 4)}
    words = ("lamp", "door", "bell")
    for word in words:
        write_clips(*_numbered(word, 20))
    # door/001 is in no list, so 001 would be a speaker in training and in validation
    for name, numbers in lists.items():
        lines = [f"{word}/{i:03}.wav" for word in words for i in numbers if word != "door"]
        (data / name).write_text("".join(f"{line}\n" for line in lines))
    rows = prepare("lamp,door", "--no_silence")
    assert len(rows.query("word == 'lamp' and split == 'val'")) == 2
    spoken = rows.drop_duplicates("path")
    assert spoken["speaker"].nunique() == len(spoken)
    (message,) = [text for text in caplog.messages if "_nohash_" in text]
    assert message.startswith("60 of 60 file names tell no speaker")
    assert "--speaker_pattern" in message
    summary = pd.read_csv(data.parent / "out" / "keywords-summary.csv").set_index(
        ["label", "split"]
    )
    assert summary.loc[("lamp", "train"), "speakers"] == 16


def test_a_pattern_tells_who_speaks(write_clips, data, prepare, caplog):
    names = [f"{name}_{i:02}.wav" for name in ("alice", "bob", "cid") for i in range(3)]
    for word in ("lamp", "door"):
        write_clips(*(f"{word}/{name}" for name in (*names, "9.wav")))
    clips = scan_clips(data, re.compile("^([a-z]+)_"))
    assert set(clips["speaker"]) == {"alice", "bob", "cid", "door/9.wav", "lamp/9.wav"}
    rows = prepare("lamp,door", *BARE, "--split=random", "--speaker_pattern=^([a-z]+)_")
    assert {"alice", "bob", "cid"} <= set(rows["speaker"])
    assert any(text.startswith("2 of 20 file names tell no speaker") for text in caplog.messages)
    (data / "validation_list.txt").write_text("lamp/alice_00.wav\n")
    (data / "testing_list.txt").write_text("lamp/bob_00.wav\n")
    with pytest.raises(UserError, match="2 speakers have clips in several splits: alice, bob;"):
        prepare("lamp,door", *BARE, "--speaker_pattern=^([a-z]+)_")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("([a-z", "not a regular expression"),
        ("[a-z]+_", "it has no group"),
        ("^([A-Z]+)_", "matches none of the 12 file names: door/001.wav"),
    ],
)
def test_a_pattern_that_cannot_tell_is_refused(write_clips, prepare, tmp_path, pattern, message):
    write_clips(*_numbered("lamp", 6), *_numbered("door", 6))
    with pytest.raises(UserError, match=message):
        prepare("lamp,door", *BARE, "--split=random", f"--speaker_pattern={pattern}")
    assert not (tmp_path / "out").exists()


def _which_set(filename: str, validation_percentage: float, testing_percentage: float) -> str:
    """The function of the Speech Commands dataset's README.md, as published."""
    max_num_wavs_per_class = 2**27 - 1  # ~134M
    base_name = os.path.basename(filename)
    hash_name = re.sub(r"_nohash_.*$", "", base_name)
    hash_name_hashed = hashlib.sha1(hash_name.encode("utf-8")).hexdigest()
    percentage_hash = (int(hash_name_hashed, 16) % (max_num_wavs_per_class + 1)) * (
        100.0 / max_num_wavs_per_class
    )
    if percentage_hash < validation_percentage:
        return "val"
    if percentage_hash < (testing_percentage + validation_percentage):
        return "test"
    return "train"


def test_without_lists_the_published_rule_splits_all_names(write_clips, prepare):
    for word in ("lamp", "door"):
        write_clips(*_numbered(word, 25))
        write_clips(*(f"{word}/s{i}_nohash_{n}.wav" for i in range(12) for n in range(2)))
    rows = prepare("lamp,door", *BARE)
    expected = [_which_set(path, 10, 10) for path in rows["path"]]
    assert list(rows["split"]) == expected
    assert set(expected) == set(SPLITS)


# Names


@pytest.mark.parametrize("word", ["lamp\u00a0on", "\u30e9\u30f3\u3000\u30d7", "la\u200dmp"])
def test_words_may_have_any_space_or_joiner(write_clips, prepare, word):
    write_clips(*_numbered(word, 3), *_numbered("door", 3))
    rows = prepare(f"{word},door", *BARE, "--split=random")
    assert set(rows["word"]) == {word, "door"}
    assert (rows["word"] == word).sum() == 3


def test_unicode_forms_of_a_word_are_one_word(write_clips, prepare, caplog, tmp_path):
    composed, decomposed = "f\u00fcr", "fu\u0308r"
    write_clips(*_numbered(composed, 3), *_numbered(decomposed, 3), *_numbered("door ", 6))
    with caplog.at_level(logging.INFO):
        rows = prepare(f"{decomposed},door", *BARE, "--split=random")
    assert read_labels(tmp_path / "out" / "keywords-labels.txt") == (composed, "door")
    assert rows["label"].value_counts().to_dict() == {0: 6, 1: 6}
    assert {path.split("/")[-2] for path in rows["path"]} == {composed, decomposed, "door "}
    assert any(r"fu\u0308r" in text for text in caplog.messages)


def test_lists_may_have_another_unicode_form_and_backslashes(data, write_clips, prepare):
    word = "f\u00fcr"
    write_clips(*_numbered(word, 6), *_numbered("door", 6))
    nfd = unicodedata.normalize("NFD", word)
    for name, number in (("validation_list.txt", 1), ("testing_list.txt", 2)):
        lines = [f"{nfd}\\{number:03}.wav", f"C:\\data\\door\\{number:03}.wav"]
        (data / name).write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    rows = prepare(f"{word},door", *BARE)
    assert rows["split"].value_counts().to_dict() == {"train": 8, "val": 2, "test": 2}
    assert rows.query("split == 'val'")["path"].str.endswith("001.wav").all()


def test_lists_that_name_no_clip_are_refused(data, write_clips, prepare):
    write_clips(*_numbered("lamp", 6), *_numbered("door", 6))
    (data / "validation_list.txt").write_text("001.wav\n")
    (data / "testing_list.txt").write_text("002.wav\n")
    with pytest.raises(UserError, match=r"none of the 2 lines .* expected .* door/001\.wav"):
        prepare("lamp,door", *BARE)


def test_lists_tell_files_apart_that_differ_in_their_ending(data, write_clips, prepare):
    for word in ("lamp", "door"):
        write_clips(*(f"{word}/{name}" for name in ("a.wav", "a.WAV", "b.wav", "c.wav")))
    (data / "validation_list.txt").write_text("lamp/a.wav\ndoor/a.wav\n")
    (data / "testing_list.txt").write_text("lamp/a.WAV\ndoor/a.WAV\n")
    rows = prepare("lamp,door", *BARE)
    names = rows["path"].str.rpartition("/")[2]
    assert set(names[rows["split"] == "val"]) == {"a.wav"}
    assert set(names[rows["split"] == "test"]) == {"a.WAV"}
    assert len(rows) == 8


def test_a_word_may_have_a_comma(write_clips, prepare, tmp_path):
    write_clips(*_numbered("yes, please", 3), *_numbered("no", 3))
    rows = prepare('"yes, please",no', *BARE, "--split=random")
    assert read_labels(tmp_path / "out" / "keywords-labels.txt") == ("yes, please", "no")
    assert len(rows) == 6
    with pytest.raises(UserError, match=r'double quotes; words with clips are no, "yes, please"'):
        prepare("yes, please,no", *BARE, "--split=random")
    with pytest.raises(UserError, match="double quotes"):
        prepare('"yes, please,no', *BARE, "--split=random")


def test_words_that_differ_in_case_alone_are_named(write_clips, prepare, caplog):
    write_clips(*_numbered("lamp", 3), *_numbered("Lamp", 3), *_numbered("door", 3))
    prepare("lamp,door", "--no_silence", "--split=random")
    assert any("differ in case alone" in text and "Lamp, lamp" in text for text in caplog.messages)


# What is left out


@pytest.mark.parametrize("suffix", [".opus", ".mp3", ".ogg", ".oga", ".aiff", ".au", ".caf"])
def test_every_format_of_libsndfile_is_read(write_clips, prepare, suffix):
    write_clips(*(f"{word}/{i}{suffix}" for word in ("lamp", "door") for i in range(3)))
    assert len(prepare("lamp,door", *BARE, "--split=random")) == 6


def test_what_is_no_clip_is_said_by_name_and_number(data, write_clips, prepare, caplog):
    write_clips(*_numbered("lamp", 3), *_numbered("door", 3), "stray.wav")
    write_clips(
        *_numbered("lamp/alice", 7), *_numbered("_unknown_", 2), *_numbered("line\nfeed", 1)
    )
    (data / "horn").mkdir()
    for i in range(6):
        (data / "horn" / f"{i}.m4a").write_bytes(b"x")
    write_clips(*_numbered("silence", 4), "_background_noise_/hum.wav", seconds=10)
    (data / "texts").mkdir()
    with caplog.at_level(logging.INFO):
        prepare("lamp,door", "--no_unknown", "--split=random")
    (message,) = [text for text in caplog.messages if "not clips" in text]
    for line in (
        r"1 in folders whose names no labels file .*: line\\nfeed/001\.wav",
        r"2 in folders that are no words.*: _unknown_/001\.wav, _unknown_/002\.wav",
        r"6 in formats that cannot be read.*: horn/ \(6\)",
        r"7 one folder too deep.*: lamp/alice/ \(7\)",
        r"1 outside a word's folder.*: stray\.wav",
    ):
        assert re.search(f"^  {line}", message, re.MULTILINE)
    assert f"{data}: folders without audio files are no words: texts" in caplog.messages
    assert any("4 clips of your own in 'silence' are not used" in text for text in caplog.messages)


def test_clips_one_folder_too_deep_name_the_folder_to_give(data, write_clips, prepare):
    write_clips(*_numbered("v1/lamp", 3), *_numbered("v1/door", 3))
    with pytest.raises(UserError, match=f"did you mean --data_dir={data}/v1"):
        scan_clips(data)
    with pytest.raises(UserError, match=f"did you mean --data_dir={data}/v1"):
        scan_clips(data / "v1" / "lamp")
    write_clips(*_numbered("v1/keywords-noise", 1))
    with pytest.raises(UserError, match="6 one folder too deep"):
        scan_clips(data)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system without Unicode rules")
def test_the_same_audio_in_two_splits_is_named(data, write_clips, prepare, caplog):
    write_clips(*_numbered("lamp", 4), *_numbered("door", 4))
    samples, rate = soundfile.read(data / "lamp" / "001.wav", dtype="int16")
    soundfile.write(data / "door" / "copy.flac", samples, rate)
    (data / "door" / "004.wav").write_bytes(b"RIFF")
    (data / "validation_list.txt").write_text("lamp/001.wav\ndoor/001.wav\n")
    (data / "testing_list.txt").write_text("door/copy.flac\nlamp/003.wav\n")
    prepare("lamp,door", *BARE)
    (message,) = [text for text in caplog.messages if "same audio" in text]
    assert message.startswith("2 clips have the same audio")
    assert "door/copy.flac (test) = lamp/001.wav (val)" in message or (
        "lamp/001.wav (val) = door/copy.flac (test)" in message
    )
    assert any(
        text.startswith("1 clips cannot be read as audio: door/004.wav") for text in caplog.messages
    )


# Few clips


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (5, (3, 1, 1)),
        (6, (4, 1, 1)),
        (10, (8, 1, 1)),
        (25, (20, 2, 3)),
    ],
)
def test_few_clips_are_shared_out(write_clips, prepare, n, sizes):
    write_clips(*_numbered("lamp", n), *_numbered("door", 3))
    rows = prepare("lamp,door", *BARE, "--split=random", "--no_balance")
    lamp = rows[rows["word"] == "lamp"]
    assert tuple((lamp["split"] == split).sum() for split in SPLITS) == sizes


def test_advice_fits_what_was_done(data, write_clips, prepare):
    write_clips(*_numbered("lamp", 2), *_numbered("door", 2))
    with pytest.raises(UserError, match=r"\(lamp 2, door 2\); record 3 clips or more") as refused:
        prepare("lamp,door", *BARE, "--split=random")
    assert "--split random" not in str(refused.value)
    (data / "validation_list.txt").write_text("")
    (data / "testing_list.txt").write_text("lamp/001.wav\n")
    with pytest.raises(UserError, match=r"'val' .* name some of them in validation_list\.txt"):
        prepare("lamp,door", *BARE)
    with pytest.raises(UserError, match="leave the label out with --no_unknown"):
        prepare("lamp,door", "--no_silence")
    write_clips(*_numbered("bell", 3))
    with pytest.raises(UserError, match="--no_silence"):
        prepare("bell,door", "--split=random")


def test_every_label_is_measured_and_few_clips_are_named(write_clips, prepare, caplog):
    # 1 clip of 3 keywords is a third of a clip for unknown and silence
    write_clips(*_numbered("lamp", 3), *_numbered("bell", 9))
    write_clips("door/1.wav", "horn/1.wav", "_background_noise_/hum.wav", seconds=10)
    rows = prepare("lamp,door,horn", "--split=random")
    for split in ("val", "test"):
        labels = rows.loc[rows["split"] == split, "label"].value_counts().to_dict()
        assert labels == {0: 1, 3: 1, 4: 1}
    assert any(
        "split 'test' has 3 clips" in text and "33.3 points" in text for text in caplog.messages
    )


def test_labels_can_do_without_unknown_and_silence(write_clips, prepare, tmp_path, caplog):
    write_clips(*_numbered("lamp", 3), *_numbered("door", 3), *_numbered("bell", 3))
    labels_file = tmp_path / "out" / "keywords-labels.txt"
    with caplog.at_level(logging.INFO):
        prepare("lamp,door", *BARE, "--split=random")
    assert read_labels(labels_file) == ("lamp", "door")
    assert "words that keywords does not use: bell" in caplog.messages
    prepare("lamp,door", "--no_silence", "--split=random")
    assert read_labels(labels_file) == ("lamp", "door", "unknown")
    with pytest.raises(UserError, match="one label alone, expected two or more"):
        prepare("lamp", *BARE)
    with pytest.raises(UserError, match="--no_silence: the labels of --dataset_version v1-12"):
        command.main([f"--data_dir={tmp_path}", "--no_silence"])


# Noise


def test_no_noise_is_lost(data, write_clips, prepare, tmp_path):
    write_clips(*_numbered("lamp", 3), *_numbered("door", 3))
    names = ("a.wav", "a.flac", "A.ogg", "a-2.wav")
    write_clips(*(f"_background_noise_/{name}" for name in names), seconds=1)
    prepare("lamp,door", *BARE, "--split=random")
    written = [path.name for path in (tmp_path / "out" / "keywords-noise").iterdir()]
    assert len({name.casefold() for name in written}) == 4
    lengths = [
        soundfile.info(tmp_path / "out" / "keywords-noise" / name).frames for name in written
    ]
    assert lengths == [16000 * 8 // 10] * 4


def test_short_noise_is_shared_by_whole_files(data, write_clips, prepare, tmp_path):
    write_clips(*_numbered("lamp", 9), *_numbered("door", 9))
    folder = data / "_background_noise_"
    folder.mkdir()
    for i in range(20):  # 100 s; each file has its own sign and level
        soundfile.write(folder / f"{i:02}.wav", np.full(5 * 16000, (i + 1) / 40), 16000)
    soundfile.write(folder / "click.wav", np.full(8000, 0.5), 16000)  # for augmentation alone
    prepare("lamp,door", "--no_unknown", "--split=random", "--no_balance")
    out = tmp_path / "out"
    noise = sorted(path.stem for path in (out / "keywords-noise").iterdir())
    assert noise == [*(f"{i:02}" for i in range(16)), "click"]  # 80 % of the files, and all of each
    assert soundfile.info(out / "keywords-noise" / "00.wav").frames == 5 * 16000
    for split, n in (("train", 7), ("val", 1), ("test", 1)):
        assert len(list((out / "keywords-silence" / split).iterdir())) == n
    with pytest.raises(UserError, match="a segment of 1 s for 'val'"):
        for i in range(2, 20):
            (folder / f"{i:02}.wav").unlink()
        prepare("lamp,door", "--no_unknown", "--split=random")


def test_noise_that_is_left_out_is_named(data, write_clips, prepare, caplog):
    write_clips(*_numbered("lamp", 3), *_numbered("door", 3))
    write_clips("_background_noise_/street/a.wav", "_background_noise_/hum.wav", seconds=1)
    for name in ("._hum.wav", "rain.m4a"):
        (data / "_background_noise_" / name).write_bytes(b"x")
    prepare("lamp,door", *BARE, "--split=random")
    for text in ("too deep; move them up: street/a.wav", "convert them to .wav: rain.m4a"):
        assert any(message.endswith(text) for message in caplog.messages)
    assert "._hum.wav" not in caplog.text
