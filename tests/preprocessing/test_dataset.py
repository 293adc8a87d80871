"""Scanning a dataset, and selecting the words of a version."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, LABELS, V1_WORDS, labels_for_keywords
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import has_clips, scan_clips, select_words
from tests.support.names import PANDAS_KNOWS_BYTES


def test_scan_lists_clips_with_word_and_speaker(make_dataset):
    folder = make_dataset({"yes": 2, "no": 1})
    (folder / "no" / "grandma 1.WAV").write_bytes(b"RIFF")
    clips = scan_clips(folder)
    assert list(clips.itertuples(index=False, name=None)) == [
        ("no", "00000000", "no/00000000_nohash_0.wav", 3244),  # 44 bytes of header, 1,600 samples
        ("no", "no/grandma 1.WAV", "no/grandma 1.WAV", 4),
        ("yes", "00000000", "yes/00000000_nohash_0.wav", 3244),
        ("yes", "00000001", "yes/00000001_nohash_0.wav", 3244),
    ]


def test_scan_skips_and_counts_other_files(make_dataset, caplog):
    folder = make_dataset({"yes": 3})
    for name in ("._a.wav", ".DS_Store", "notes.txt", "line\nbreak.wav", "00000000_nohash_0.flac"):
        (folder / "yes" / name).write_bytes(b"x")
    (folder / "yes" / "folder.wav").mkdir()
    (folder / "LICENSE").write_text("CC BY 4.0")
    (folder / "manifests").mkdir()
    (folder / "manifests" / "v2-train.csv").write_text("label,path\n")
    with caplog.at_level(logging.WARNING):
        clips = scan_clips(folder)
    assert len(clips) == 3
    assert clips["path"].str.endswith(".wav").all()
    (message,) = caplog.messages
    for line in (
        "1 duplicates in the other format; rename those that are other recordings: "
        "yes/00000000_nohash_0.flac",
        "2 hidden: yes/.DS_Store, yes/._a.wav",
        "1 not audio: yes/notes.txt",
        "1 not files: yes/folder.wav",
        "1 with names that no manifest can hold; rename them in plain UTF-8: yes/line\\nbreak.wav",
    ):
        assert f"\n  {line}" in message


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs a file system that takes any bytes as a name"
)
@pytest.mark.skipif(not PANDAS_KNOWS_BYTES, reason="pandas 2 takes such names for one")
def test_scan_lists_names_that_are_not_utf8(make_dataset):
    folder = make_dataset({"yes": 1})
    with open(os.path.join(os.fsencode(folder), b"yes", b"\xff_nohash_0.wav"), "wb") as file:
        file.write(b"x")
    names = [os.fsencode(path) for path in scan_clips(folder)["path"]]
    assert names == [b"yes/00000000_nohash_0.wav", b"yes/\xff_nohash_0.wav"]


def test_errors_for_missing_and_empty_folders_name_the_remedies(tmp_path):
    for folder, reason in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path, "no clips; expected"),
    ):
        with pytest.raises(
            UserError, match=f"{folder}: {reason}.*--download.*open-seq2seq-synthesize"
        ):
            scan_clips(folder)
        assert not has_clips(folder)


def test_noise_alone_is_not_a_dataset(make_dataset):
    with pytest.raises(UserError, match="no clips; expected"):
        scan_clips(make_dataset({}))


def test_unknown_has_the_other_words_of_the_release(make_dataset):
    folder = make_dataset(dict.fromkeys((*V1_WORDS, "backward", "covfefe"), 1))
    for version, others in (("v1-12", set()), ("v2-12", {"backward"})):
        labels = LABELS[version]
        clips = select_words(scan_clips(folder), version, labels)
        assert set(clips["word"]) == set(V1_WORDS) | others
        assert (
            set(clips.loc[clips["label"] == labels.index("unknown"), "word"])
            == set(V1_WORDS[10:]) | others
        )
        keywords = clips[clips["label"] != labels.index("unknown")]
        assert [labels[i] for i in keywords["label"]] == list(keywords["word"])


def test_unknown_of_custom_keywords_has_every_other_folder_but_silence(make_dataset):
    folder = make_dataset({"ja": 1, "nein": 1, "doch": 1, "silence": 1})
    clips = select_words(scan_clips(folder), CUSTOM_VERSION, labels_for_keywords(["nein", "ja"]))
    assert dict(zip(clips["word"], clips["label"], strict=True)) == {"nein": 0, "ja": 1, "doch": 2}


def test_missing_words_are_refused(make_dataset):
    clips = scan_clips(make_dataset(dict.fromkeys(V1_WORDS[:-2], 1)))
    with pytest.raises(UserError, match=r"v1-30: no clips for wow, zero"):
        select_words(clips, "v1-30", LABELS["v1-30"])
    with pytest.raises(UserError, match="'Yess' has no folder with clips, did you mean 'yes'"):
        select_words(clips, CUSTOM_VERSION, labels_for_keywords(["Yess", "no"]))


def test_words_outside_the_labels_are_left_out_and_named(make_dataset, caplog):
    folder = make_dataset(dict.fromkeys((*V1_WORDS, "backward"), 1))
    with caplog.at_level(logging.INFO):
        clips = select_words(scan_clips(folder), "v1-30", LABELS["v1-30"])
    assert len(clips) == 30
    assert "words that v1-30 does not use: backward" in caplog.messages


def test_custom_keywords_need_another_word_for_unknown(make_dataset):
    clips = scan_clips(make_dataset({"yes": 1, "no": 1, "silence": 1}))
    with pytest.raises(UserError, match="no clips for label 'unknown'"):
        select_words(clips, CUSTOM_VERSION, labels_for_keywords(["yes", "no"]))


def test_empty_files_are_refused_only_if_used(make_dataset):
    folder: Path = make_dataset({"yes": 9, "no": 9, "up": 9, "zero": 9})
    for i in range(7):
        (folder / "up" / f"0000000{i}_nohash_0.wav").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"empty files: up/00000000_nohash_0\.wav, .* and 2 more; .*again"
    ):
        select_words(scan_clips(folder), CUSTOM_VERSION, labels_for_keywords(["yes", "no"]))
    v1 = make_dataset(dict.fromkeys((*V1_WORDS, "covfefe"), 1), name="v1")
    (v1 / "covfefe" / "00000000_nohash_0.wav").write_bytes(b"")
    assert len(select_words(scan_clips(v1), "v1-30", LABELS["v1-30"])) == 30
