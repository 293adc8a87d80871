"""Names of every kind, from the command line to the files of a run: emoji codes, markup, kanji,
bytes that are not UTF-8, numbers, the home folder.
"""

import csv
import json
import logging
import os
import shutil

import pytest

import open_seq2seq
from open_seq2seq.commands import prepare
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.storage import checkpoints
from tests.support.names import PANDAS_KNOWS_BYTES
from tests.support.paths import TINY
from tests.support.tones import make_tone, save_wav

KANJI, LATIN = "犬", b"caf\xe9"
LABEL_BYTES = [LATIN, *(f"{KANJI} {word}".encode() for word in LABELS["v2-12"][1:])]
CLIP = b"te\xe9st:dog:[red] 0.wav"
SHOWN = r"te\udce9st:dog:[red] 0.wav"  # on a terminal


@pytest.fixture
def named_dataset(tone_dataset, tmp_path):
    """The tones, with labels of kanji, one that is not UTF-8, and a clip of another name."""
    folder = tmp_path / "d"
    shutil.copytree(tone_dataset, folder)
    (folder / "v2-12-labels.txt").write_bytes(b"".join(label + b"\n" for label in LABEL_BYTES))
    word = LABELS["v2-12"][1]
    os.rename(folder / word / "test00.wav", os.fsencode(folder) + b"/" + CLIP)
    manifest = folder / "v2-12-test.csv"
    rows = manifest.read_bytes()
    assert rows.count(f"{word}/test00.wav".encode()) == 1
    manifest.write_bytes(rows.replace(f"{word}/test00.wav".encode(), CLIP))
    return folder


@pytest.mark.slow
def test_a_run_with_names_of_every_kind(run, named_dataset, tmp_path, monkeypatch, terminal):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    written = terminal("ascii")
    data = "--dataset_location=~/d"
    flags = ("--num_epochs=1", "--print_samples_steps=1")
    assert run("train_eval", "20261125", data, *flags) == 0
    logdir = tmp_path / "20261125"
    labels = list(map(os.fsdecode, LABEL_BYTES))
    assert list(checkpoints.load_newest(logdir / "checkpoints").labels) == labels
    samples = [line for line in written.getvalue().decode().splitlines() if "sample" in line]
    assert len(samples) == 9 and r"label \u72ac" in samples[0] + samples[1]
    assert f"label {KANJI}" in (logdir / "run.log").read_text(encoding="utf-8")
    metrics = json.loads((logdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert list(metrics["recall"]) == labels

    clip = os.fsencode(named_dataset) + b"/" + CLIP
    written.truncate(0)
    table = "--infer_output_file=~/p.csv"
    assert run("infer", "20261125", table, data) == 0
    assert f"{named_dataset}/{SHOWN}: ".encode() in written.getvalue()
    with open(tmp_path / "p.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "start", "end", "label", "probability", *labels]
    (row,) = [row for row in rows if os.fsencode(row[0]) == clip]
    assert row[3] in labels

    assert run("infer", "20261125", data, "--infer_output_file=~/one.csv", os.fsdecode(clip)) == 0
    assert clip + b"," in (tmp_path / "one.csv").read_bytes()

    model = open_seq2seq.from_pretrained("~/20261125", str(TINY))
    (prediction,) = model.predict(["~/d/" + os.fsdecode(CLIP)])
    assert os.fsencode(prediction.path) == clip
    assert not (tmp_path / "~").exists()


def test_a_logdir_that_is_not_utf8(run, tmp_path):
    logdir = tmp_path / os.fsdecode(b"r\xe9")
    assert run("train_eval", logdir, "--max_steps=1", "--num_epochs=None") == 0
    assert {path.name for path in logdir.iterdir()} >= {"run.log", "metrics.jsonl", "tensorboard"}
    assert [path.name for path in (logdir / "tensorboard").iterdir()]


@pytest.mark.skipif(not PANDAS_KNOWS_BYTES, reason="pandas 2 takes such names for one")
def test_the_preprocessing_keeps_names_of_every_kind(tmp_path, monkeypatch, terminal, caplog):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    written = terminal("ascii")
    words = [KANJI.encode(), LATIN, b":dog:", b"[red]", b"~"]
    tone = save_wav(tmp_path / "tone.wav", make_tone(440, 0.1)).read_bytes()
    for word in [*words, b"two\nlines"]:
        folder = os.path.join(os.fsencode(tmp_path), b"raw", word)
        os.makedirs(folder)
        for i in range(30):
            with open(folder + b"/s%02d\xe9_nohash_0.wav" % i, "wb") as file:
                file.write(tone)
    noise = tmp_path / "raw" / "_background_noise_" / os.fsdecode(b"h\xe9.wav")
    noise.parent.mkdir()
    shutil.copy(save_wav(tmp_path / "noise.wav", make_tone(50, 20)), noise)
    keywords = ",".join(map(os.fsdecode, words[:-1]))
    caplog.set_level(logging.WARNING)
    prepare.main(["--data_dir=~/raw", "--output_dir=~/raw", f"--keywords={keywords}"])

    assert not (tmp_path / "~").exists()
    out = tmp_path / "raw"
    assert (out / "keywords-labels.txt").read_bytes().split() == [
        *words[:-1], b"unknown", b"silence"
    ]  # fmt: skip
    shown = written.getvalue().decode()
    assert all(word in shown for word in (r"\u72ac ", r"caf\udce9 ", ":dog: ", "[red] "))
    assert "30 in folders whose names no labels file can hold" in caplog.text
    manifest = (out / "keywords-train.csv").read_bytes()
    assert b"1,caf\xe9,s00\xe9,caf\xe9/s00\xe9_nohash_0.wav\n" in manifest
    assert b",./~/s" in manifest and b",~/s" not in manifest  # or else it were the home folder

    from open_seq2seq.data.manifests import read_labels, read_manifests

    labels = read_labels(out / "keywords-labels.txt")
    paths = set(read_manifests([out / "keywords-train.csv"], labels)["path"])
    assert {os.path.dirname(os.fsencode(path)) for path in paths} >= {
        os.fsencode(out) + b"/" + word for word in words
    }


@pytest.mark.skipif(PANDAS_KNOWS_BYTES, reason="pandas 3 tells all names apart")
def test_names_that_pandas_takes_for_one_are_left_out_by_name(tmp_path, caplog):
    tone = save_wav(tmp_path / "tone.wav", make_tone(440, 0.1)).read_bytes()
    for word in (b"lamp", b"door", LATIN):
        folder = os.fsencode(tmp_path / "raw") + b"/" + word
        os.makedirs(folder)
        for i in range(30):
            with open(folder + b"/s%02d_nohash_0.wav" % i, "wb") as file:
                file.write(tone)
    with open(os.fsencode(tmp_path / "raw") + b"/lamp/\xe9.wav", "wb") as file:
        file.write(tone)
    caplog.set_level(logging.WARNING)
    words = ["--keywords=lamp,door", "--no_unknown", "--no_silence"]
    prepare.main([f"--data_dir={tmp_path}/raw", f"--output_dir={tmp_path}/out", *words])
    assert "1 with names that no manifest can hold" in caplog.text
    assert "30 in folders whose names no labels file can hold" in caplog.text
