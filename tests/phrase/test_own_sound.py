"""A user's own recordings: each is in one part, and what cannot be used is named."""

import logging

import numpy as np
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.phrase.negatives import part, read_negatives
from open_seq2seq.phrase.recordings import read_recordings
from tests.support.tones import save_wav

RATE = 16000


def save(path, seconds=0.5):
    rng = np.random.default_rng(len(path.name))
    return str(save_wav(path, 0.1 * rng.standard_normal(round(seconds * RATE))))


def test_speakers_are_in_one_part_where_names_tell_them(tmp_path):
    for speaker in "abcdef":
        for n in range(3):
            save(tmp_path / f"{speaker}_nohash_{n}.wav")
    own = read_recordings(str(tmp_path), ["hey lamp"], None, seed=0)
    assert own.by_speaker and len(own.train) == 12 and len(own.test) == 6
    assert not set(own.train["speaker"]) & set(own.test["speaker"])
    assert set(own.train["label"]) == {0} and set(own.test["word"]) == {"hey lamp"}
    other = read_recordings(str(tmp_path), ["hey lamp"], None, seed=1)
    assert set(other.test["speaker"]) != set(own.test["speaker"])


def test_a_pattern_says_who_speaks(tmp_path):
    for name in ("ann1", "ann2", "bob1", "bob2"):
        save(tmp_path / f"{name}.wav")
    unknown = read_recordings(str(tmp_path), ["hey lamp"], None, seed=0)
    assert not unknown.by_speaker and len(unknown.test) == 1
    known = read_recordings(str(tmp_path), ["hey lamp"], "^([a-z]+)", seed=0)
    assert known.by_speaker and known.test["speaker"].nunique() == 1 and len(known.test) == 2


def test_of_several_phrases_each_has_a_folder(tmp_path, caplog):
    for n in range(3):
        save(tmp_path / "hey lamp" / f"{n}.wav")
    save(tmp_path / "lamp_off" / "0.wav")
    with caplog.at_level(logging.INFO):
        own = read_recordings(str(tmp_path), ["hey lamp", "lamp off"], None, seed=0)
    assert list(own.train["label"]).count(0) == 2 and list(own.train["label"]).count(1) == 1
    assert list(own.test["word"]) == ["hey lamp"]
    assert "a test of 1 utterance says little" in caplog.text
    assert "too few of 'lamp off' for a test" in caplog.text


def test_recordings_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_recordings(str(tmp_path / "none"), ["hey lamp"], None, seed=0)
    with pytest.raises(UserError, match="no recordings in it, expected audio files"):
        read_recordings(str(tmp_path), ["hey lamp"], None, seed=0)
    with pytest.raises(UserError, match="expected folders named hey lamp, lamp off"):
        read_recordings(str(tmp_path), ["hey lamp", "lamp off"], None, seed=0)
    save(tmp_path / "long.wav", seconds=11)
    with pytest.raises(UserError, match=r"long\.wav: 11 s, expected one utterance"):
        read_recordings(str(tmp_path), ["hey lamp"], None, seed=0)
    (tmp_path / "long.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"long\.wav: cannot be used"):
        read_recordings(str(tmp_path), ["hey lamp"], None, seed=0)


def test_negatives_are_parted_by_recording_and_by_time():
    seconds = {f"{n}.wav": 60.0 for n in range(20)} | {"long.wav": 600.0}
    parts = part(seconds, seed=0)
    assert sorted(path for paths in parts.values() for path in paths) == sorted(seconds)
    hours = {split: sum(seconds[path] for path in paths) for split, paths in parts.items()}
    # of 1800 seconds two fifths and three tenths, but for half of a recording
    assert hours == {"train": pytest.approx(720, abs=60), **dict.fromkeys(("val", "test"), 540)}
    three = part({"a": 1.0, "b": 1.0, "c": 900.0}, seed=0)
    assert sorted(map(len, three.values())) == [1, 1, 1] and three["train"] == ["c"]


def test_too_few_negatives_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_negatives(str(tmp_path / "none"))
    with pytest.raises(UserError, match="0 audio files in it, expected three or more"):
        read_negatives(str(tmp_path))
    save(tmp_path / "a.wav")
    save(tmp_path / "in" / "b.wav", 1.5)
    with pytest.raises(UserError, match="2 audio files in it"):
        read_negatives(str(tmp_path))
    (tmp_path / "c.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"c\.wav: cannot be used"):
        read_negatives(str(tmp_path))
    save(tmp_path / "c.wav", 2.0)
    assert sorted(read_negatives(str(tmp_path)).values()) == [0.5, 1.5, 2.0]
