"""The manifests of --negatives, with counts by hand; what is held out; and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.commands import prepare as command
from open_seq2seq.data.manifests import read_labels, read_manifests
from open_seq2seq.data.official_split import official_split
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic import pronunciation

Prepare = Callable[..., Path]
UNKNOWN = 2
# words and their number of speakers: 0 and 1 are for validation, 2 and 3 for testing
WORDS = {"yes": 10, "no": 10, "cat": 10, "tree": 6, "three": 4, "know": 5}
SPLITS = ("train", "val", "test")


def speaker(i: int) -> str:
    return f"{i:08x}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset of bursts of noise that are loudest in the middle."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    burst = np.sin(np.arange(6400) * np.pi / 6400) * 0.3
    for word, n_speakers in WORDS.items():
        (folder / word).mkdir(parents=True)
        for i in range(n_speakers):
            sound = rng.normal(0, 0.001, 16000)
            sound[4800:11200] += burst * rng.uniform(-1, 1, 6400)
            soundfile.write(folder / word / f"{speaker(i)}_nohash_0.wav", sound, 16000)
    for name, speakers in (("validation_list.txt", (0, 1)), ("testing_list.txt", (2, 3))):
        lines = [f"{word}/{speaker(i)}_nohash_0.wav\n" for word in WORDS for i in speakers]
        (folder / name).write_text("".join(lines))
    return folder


@pytest.fixture
def prepare(data: Path, tmp_path: Path) -> Prepare:
    """Return a function that runs the command for "yes" and "no", and returns the output folder."""

    def run(*flags: str, name: str = "out") -> Path:
        folder = tmp_path / name
        arguments = [f"--data_dir={data}", f"--output_dir={folder}", "--keywords=yes,no"]
        command.main([*arguments, "--no_silence", *flags])
        return folder

    return run


def rows(folder: Path, manifest: str) -> list[dict[str, str]]:
    with open(folder / f"keywords-{manifest}.csv") as file:
        return list(csv.DictReader(file))


def words(folder: Path, manifest: str) -> dict[tuple[int, str], int]:
    """Count the rows of each label and word, and check that the clips are there."""
    path = folder / f"keywords-{manifest}.csv"
    read_manifests([path], read_labels(folder / "keywords-labels.txt"))
    return dict(Counter((int(row["label"]), row["word"]) for row in rows(folder, manifest)))


def negatives_in(folder: Path) -> set[str]:
    main = {f"keywords-{name}.csv" for name in (*SPLITS, "summary")}
    return {path.name for path in folder.glob("keywords-*.csv")} - main


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "keywords-summary.json"
    }


def test_all_clips_of_the_other_words_but_of_homophones(prepare, caplog):
    folder = prepare("--negatives=words")
    # "three" has speakers 0 to 3 alone, "know" sounds like "no"
    assert words(folder, "words-train") == {(UNKNOWN, "cat"): 6, (UNKNOWN, "tree"): 2}
    for split in ("val", "test"):
        expected = {(UNKNOWN, word): 2 for word in ("cat", "tree", "three")}
        assert words(folder, f"words-{split}") == expected
    assert "know (no)" in caplog.text
    counts = json.loads((folder / "keywords-summary.json").read_text())["negatives"]["manifests"]
    assert counts["words"]["train"] == {
        "rows": 8,
        "rows_of_keywords": 0,
        "words": 2,
        "speakers": 6,
    }


def test_double_words_are_of_training_speakers_and_twice_a_keywords_clips(prepare):
    folder = prepare("--negatives=double")
    assert negatives_in(folder) == {"keywords-double-train.csv"}
    assert words(folder, "double-train") == {(UNKNOWN, ""): 2 * 6}
    own = rows(folder, "double-train")
    assert {row["speaker"] for row in own} <= {speaker(i) for i in range(4, 10)}
    for row in own:
        assert soundfile.info(folder / row["path"]).frames == 16000
        first, _, second = Path(row["path"]).stem.partition("_")[2].partition("+")
        assert first != second and {first, second} <= set(WORDS)
    assert len({row["path"].partition("_")[2] + row["speaker"] for row in own}) == 12
    assert len(words(prepare("--negatives=double", "--double_words=5"), "double-train")) == 1
    assert words(folder, "double-train") == {(UNKNOWN, ""): 5}


def test_synthetic_words_and_as_many_keywords_of_the_same_voices(prepare):
    vocabulary = "hey lamp,know,yes,yes please,silence,banana,three"
    folder = prepare("--negatives=synthetic", f"--vocabulary={vocabulary}")
    # of 10 clips of a word one is for validation and one for testing; "three" has no training clips
    assert words(folder, "synthetic-train") == {
        (UNKNOWN, "hey lamp"): 8,
        (UNKNOWN, "banana"): 8,
        (UNKNOWN, "silence"): 8,  # with --no_silence it is a word
        (0, "yes"): 12,
        (1, "no"): 12,
    }
    for split in ("val", "test"):
        others = {(UNKNOWN, word): 1 for word in ("hey lamp", "banana", "silence", "three")}
        assert words(folder, f"synthetic-{split}") == others | {(0, "yes"): 2, (1, "no"): 2}
    for split in SPLITS:
        own = rows(folder, f"synthetic-{split}")
        assert {official_split(row["speaker"]) for row in own} == {split}
        assert all(soundfile.info(folder / row["path"]).frames <= 16000 for row in own)
    about = json.loads((folder / "keywords-summary.json").read_text())
    assert about["speakers_in_several_splits"] == 0


def test_the_name_of_a_label_is_no_word(data, tmp_path):
    (data / "_background_noise_").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 11 * 16000)
    soundfile.write(data / "_background_noise_" / "hiss.wav", noise, 16000)
    flags = [f"--data_dir={data}", f"--output_dir={tmp_path / 'out'}", "--keywords=yes,no"]
    vocabulary = "--vocabulary=silence,unknown,cat"
    command.main([*flags, "--negatives=synthetic", vocabulary, "--synthetic_clips=3"])
    assert {word for _, word in words(tmp_path / "out", "synthetic-train")} == {
        *("yes", "no"),
        *("unknown", "cat"),
    }


def test_confusable_words_and_their_list(prepare):
    folder = prepare("--negatives=confusable", "--synthetic_clips=3", "--vocabulary=know")
    with open(folder / "keywords-confusables.csv") as file:
        found = {row["text"]: row for row in csv.DictReader(file)}
    assert found["yet"]["keyword"] == "yes" and found["yet"]["distance"] == "0.333"
    assert found["yet"]["phonemes"] == "j E t" and found["yet"]["used_in"] == "train"
    assert found["know"]["kind"] == "homophone" and found["know"]["used_in"] == "none"
    for split in SPLITS:
        said = words(folder, f"confusable-{split}")
        negatives = {word for label, word in said if label == UNKNOWN}
        assert negatives == {text for text, row in found.items() if row["used_in"] == "train"}
        assert not negatives & {"know", "yes", "no"}
        # one clip of each, and the two keywords as many together
        n_each = -(-len(negatives) // 2)
        assert said == dict.fromkeys(((UNKNOWN, word) for word in negatives), 1) | {
            (0, "yes"): n_each,
            (1, "no"): n_each,
        }


@pytest.mark.slow
def test_words_held_out_are_in_no_training_manifest_and_have_their_own(prepare):
    folder = prepare(
        "--negatives=words,double,synthetic,confusable",
        *("--held_out_words=tree", "--vocabulary=tea,banana,tree", "--synthetic_clips=3"),
    )
    # "three" and "tea" sound like "tree"
    assert words(folder, "words-train") == {(UNKNOWN, "cat"): 6}
    assert words(folder, "words-val") == {(UNKNOWN, "cat"): 2}
    assert words(folder, "words-test") == {(UNKNOWN, "cat"): 2}
    assert words(folder, "words-heldout-test") == {(UNKNOWN, "tree"): 2, (UNKNOWN, "three"): 2}
    assert words(folder, "synthetic-heldout-test") == {(UNKNOWN, "tree"): 3, (UNKNOWN, "tea"): 3}
    assert words(folder, "synthetic-train") == {(UNKNOWN, "banana"): 1, (0, "yes"): 1, (1, "no"): 1}
    assert not any("tree" in row["path"] for row in rows(folder, "double-train"))
    for path in folder.glob("keywords-*-train.csv"):
        manifest = path.stem.removeprefix("keywords-")
        assert not {"tree", "three", "tea"} & {row["word"] for row in rows(folder, manifest)}
    for split in SPLITS:
        assert not {(UNKNOWN, "tree"), (UNKNOWN, "three")} & set(words(folder, split))
    about = json.loads((folder / "keywords-summary.json").read_text())["negatives"]
    assert about["held_out_words"] == ["tree"] and about["held_out_with_them"] == ["three"]


def test_held_out_words_without_negatives(prepare):
    folder = prepare("--held_out_words=cat")
    assert negatives_in(folder) == {"keywords-words-heldout-test.csv"}
    assert words(folder, "words-heldout-test") == {(UNKNOWN, "cat"): 2}
    assert (UNKNOWN, "cat") not in words(folder, "train")


@pytest.mark.slow
def test_the_same_bytes_again_and_the_versions_own_as_without(prepare):
    flags = ("--negatives=words,double,synthetic", "--synthetic_clips=3")
    vocabulary = "--vocabulary=cat,banana"
    once = digests(prepare(*flags, vocabulary, name="once"))
    assert digests(prepare(*flags, vocabulary, name="again")) == once
    plain = digests(prepare(name="plain"))
    assert plain.items() <= once.items()
    other = digests(prepare(*flags, vocabulary, "--seed=1", name="other"))
    clips = [{digest for name, digest in made.items() if "/" in name} for made in (once, other)]
    # 12 double words; 2 words and 2 keywords, one clip of each in each split
    assert len(clips[0]) == 12 + 4 * 3
    # double words have no noise of their own, so some are drawn again
    assert len(clips[0] & clips[1]) < 12


def test_negatives_of_an_earlier_call_are_removed_as_labels_may_have_changed(prepare):
    folder = prepare("--negatives=words,double")
    (folder / "mine.txt").write_text("mine")
    prepare("--negatives=words")
    assert not (folder / "keywords-double").exists()
    assert not (folder / "keywords-double-train.csv").exists()
    assert (folder / "keywords-words-train.csv").exists()
    prepare()
    assert not negatives_in(folder)
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--negatives=foo"], "'foo' is no kind"),
        (["--negatives="], "'' is no kind"),
        (["--negatives=words", "--no_unknown"], "leave --no_unknown out"),
        (["--double_words=3"], "is for --negatives=double"),
        (["--negatives=double", "--double_words=0"], "expected 1 or more"),
        (["--negatives=synthetic", "--synthetic_clips=2"], "expected 3 or more"),
        (["--negatives=synthetic", "--synthetic_voices=0"], "expected 1 or more"),
        (["--negatives=synthetic", "--clip_s=0"], "0.5 to 10 seconds"),
        (["--negatives=synthetic", "--vocabulary=,"], "no words"),
        (["--negatives=synthetic", "--vocabulary=yes,know"], "keywords or sound like one"),
        (["--negatives=synthetic", "--vocabulary=cat,привет"], "cannot say 'п'"),
        (["--negatives=synthetic", "--vocabulary=cat,?!"], "no letters"),
        (
            ["--negatives=synthetic", "--vocabulary=one two three four five six seven eight nine"],
            "too long for a clip of 1 s",
        ),
        (["--negatives=synthetic", "--vocabulary=cat", "--held_out_words=cat"], "no word is left"),
        (["--held_out_words=yes"], "'yes' is a label"),
        (["--held_out_words=banana"], "no clips of banana"),
        (["--held_out_words=,"], "an empty word"),
        (["--held_out_words=know"], "no clips of know"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(prepare, tmp_path, flags, message):
    with pytest.raises(UserError, match=message):
        prepare(*flags)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("version", ["v1-30", "v2"])
def test_versions_without_unknown_name_those_with_it(tmp_path, version):
    for word in command.words_of(version):
        (tmp_path / "data" / word).mkdir(parents=True)
        for i in range(60):
            path = tmp_path / "data" / word / f"{speaker(i)}_nohash_0.wav"
            path.write_bytes(b"RIFF")
    with pytest.raises(UserError, match="choose --dataset_version v1-12 or v2-12"):
        command.main(
            [
                *(f"--data_dir={tmp_path / 'data'}", f"--output_dir={tmp_path / 'out'}"),
                *(f"--dataset_version={version}", "--negatives=words"),
            ]
        )


def test_no_speaker_of_two_words(data, prepare):
    for path in data.glob("*/*_nohash_0.wav"):
        path.rename(path.with_name(path.name.replace("_nohash_0", f"-{path.parent.name}")))
    for name in ("validation_list.txt", "testing_list.txt"):
        text = (data / name).read_text().replace("_nohash_0", "-?")
        lines = [line.replace("?", line.partition("/")[0]) for line in text.splitlines()]
        (data / name).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(UserError, match="no speaker of the training clips says two words"):
        prepare("--negatives=double")


def test_without_espeak_nothing_is_written(prepare, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    pronunciation._espeak.cache_clear()
    pronunciation.pronounce.cache_clear()
    with pytest.raises(UserError, match="pip install espeakng-loader"):
        prepare("--negatives=synthetic")
    assert not (tmp_path / "out").exists()
