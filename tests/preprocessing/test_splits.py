"""Official and random splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import scan_clips
from open_seq2seq.preprocessing.splits import (
    crossing_speakers,
    refuse_crossing_speakers,
    refuse_empty_splits,
    split_officially,
    split_randomly,
)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_published_lists_set_the_splits(make_dataset, suffix):
    # the SHA-1 rule would put these speakers elsewhere
    folder = make_dataset({"yes": 6, "no": 4}, val={0, 1}, test={2}, suffix=suffix)
    split, rule = split_officially(scan_clips(folder), folder)
    no, yes = split[:4], split[4:]
    assert list(no) == ["val", "val", "test", "train"]
    assert list(yes) == ["val", "val", "test", "train", "train", "train"]
    assert rule == "published lists"


def test_without_lists_the_hash_of_the_speaker_sets_the_split(tmp_path):
    # a validation, a test and a training speaker of the published lists
    clips = pd.DataFrame(
        {"speaker": ["0e17f595", "1528225c", "004ae714", "0e17f595"], "path": ["a", "b", "c", "d"]}
    )
    split, rule = split_officially(clips, tmp_path)
    assert list(split) == ["val", "test", "train", "val"]
    assert rule == "SHA-1 of the speaker"


def test_missing_clips_of_the_lists_are_counted(make_dataset, caplog):
    folder = make_dataset({"yes": 9}, val={0, 1, 2}, test={3})
    for i in (0, 3):
        (folder / "yes" / f"0000000{i}_nohash_0.wav").unlink()
    split_officially(scan_clips(folder), folder)
    (message,) = caplog.messages
    assert message.startswith("2 clips of the published lists are missing: ")


def test_contradicting_and_single_lists_are_refused(make_dataset):
    folder = make_dataset({"yes": 9}, val={0, 1}, test={1, 2})
    with pytest.raises(UserError, match=r"clips in both .*: yes/00000001_nohash_0"):
        split_officially(scan_clips(folder), folder)
    (folder / "validation_list.txt").unlink()
    with pytest.raises(UserError, match=r"testing_list.txt: the other list is missing"):
        split_officially(scan_clips(folder), folder)


def test_lists_that_are_not_text_are_refused(make_dataset):
    folder = make_dataset({"yes": 9}, val={0}, test={1})
    (folder / "testing_list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"testing_list.txt: cannot read the list"):
        split_officially(scan_clips(folder), folder)


def test_random_split_is_80_10_10_of_each_word():
    clips = pd.DataFrame({"word": ["yes"] * 100 + ["no"] * 25 + ["up"] * 3})
    split = split_randomly(clips, np.random.default_rng(0))
    counts = clips.assign(split=split).value_counts(["word", "split"]).to_dict()
    assert counts == {
        ("yes", "train"): 80, ("yes", "val"): 10, ("yes", "test"): 10,
        ("no", "train"): 20, ("no", "val"): 2, ("no", "test"): 3,  # cuts at 20 and 22.5
        ("up", "train"): 1, ("up", "val"): 1, ("up", "test"): 1,
    }  # fmt: skip


def test_random_split_follows_the_seed():
    clips = pd.DataFrame({"word": ["yes"] * 100})
    first, again, other = (split_randomly(clips, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


def test_crossing_speakers_are_refused_by_name():
    clips = pd.DataFrame(
        {"speaker": ["ann", "bob", "ann", "cid"], "split": ["train", "train", "test", "val"]}
    )
    assert crossing_speakers(clips) == ["ann"]
    with pytest.raises(UserError, match="1 speakers have clips in several splits: ann;"):
        refuse_crossing_speakers(clips)
    refuse_crossing_speakers(clips.iloc[1:])


def _rows(*rows: tuple[str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["split", "label"])


def test_splits_and_training_classes_may_not_be_empty(caplog):
    labels = ("yes", "no", "unknown", "silence")
    whole = _rows(*((split, label) for split in ("train", "val", "test") for label in (0, 1, 2)))
    refuse_empty_splits(whole, labels, labels[:2])
    assert not caplog.messages
    with pytest.raises(UserError, match="no training clips for no:"):
        refuse_empty_splits(whole.drop(index=1), labels, labels[:2])
    with pytest.raises(UserError, match="split 'val' has none of the 4 clips of"):  # only unknown
        refuse_empty_splits(whole.drop(index=[3, 4]), labels, labels[:2])
    refuse_empty_splits(whole.drop(index=8), labels, labels[:2])
    assert caplog.messages == ["split 'test' has no clips of unknown"]
