"""`--negatives=sentences` through its command: folders, list, counts, and what is refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.commands import prepare as command
from open_seq2seq.commands import synthesize
from open_seq2seq.data.official_split import official_split
from open_seq2seq.detection.corpora import open_corpora
from open_seq2seq.errors import UserError

MINUTES = {"train": 1.0, "val": 0.5, "test": 0.5}


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """A dataset of noise; "cow" has test speakers alone."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    words = {**dict.fromkeys(("yes", "no", "cat", "dog"), range(9)), "cow": (2, 3)}
    for word, speakers in words.items():
        (folder / word).mkdir(parents=True)
        for i in speakers:
            sound = rng.uniform(-0.1, 0.1, 16000)
            soundfile.write(folder / word / f"{i:08x}_nohash_0.wav", sound, 16000)
    for name, speakers in (("validation_list.txt", (0, 1)), ("testing_list.txt", (2, 3))):
        lines = [
            f"{path.parent.name}/{path.name}\n"
            for path in sorted(folder.glob("*/*.wav"))
            if int(path.name[:8], 16) in speakers
        ]
        (folder / name).write_text("".join(lines))
    return [f"--data_dir={folder}", f"--output_dir={tmp_path / 'out'}", "--keywords=yes,no"]


def test_recordings_of_each_split_with_their_list_and_counts(flags, tmp_path, capsys):
    wanted = ["--no_silence", "--negatives=sentences", "--sentence_minutes=1"]
    command.main([*flags, *wanted, "--held_out_words=cat"])
    out = tmp_path / "out"
    assert "keywords-sentences/<split>" in capsys.readouterr().out
    about = json.loads((out / "keywords-summary.json").read_text())
    assert about["speakers_in_several_splits"] == 0
    with open(out / "keywords-sentences.csv", encoding="utf-8") as file:
        said = list(csv.DictReader(file))
    for split, minutes in MINUTES.items():
        (recording,) = open_corpora([str(out / "keywords-sentences" / split)])[0].tracks
        assert soundfile.info(recording.path).frames == minutes * 60 * 16000
        assert recording.spoken == ()  # nothing in it is a keyword
        own = [row for row in said if row["split"] == split]
        assert {official_split(row["speaker"]) for row in own} == {split}
        counts = about["negatives"]["sentences"][split]
        spoken = Counter()
        for row in own:
            spoken[row["language"]] += (float(row["end"]) - float(row["start"])) / 60
        assert counts.pop("minutes_spoken_by_language") == pytest.approx(spoken, abs=0.01)
        assert counts == {
            "minutes": minutes,
            "recordings": 1,
            "sentences": len(own),
            "voices": len({row["speaker"] for row in own}),
            "languages": len(spoken),
        }
    command.main([*flags, "--no_silence"])
    assert not list(out.glob("keywords-sentences*"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--negatives=sentences", "--sentence_minutes=0"], "expected 1 or more"),
        (["--negatives=sentences", "--sentence_minutes=-3"], "expected 1 or more"),
        (["--negatives=sentences", "--sentence_minutes=nan"], "expected 1 or more"),
        (["--negatives=sentences", "--sentence_minutes=inf"], "expected 1 or more"),
        (["--negatives=sentences", "--sentence_minutes=20000"], "expected 0.5 to 10,000"),
        (["--negatives=words", "--sentence_minutes=3"], "is for --negatives=sentences"),
        (["--negatives=sentences", "--no_unknown"], "leave --no_unknown out"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(flags, tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        command.main([*flags, "--no_silence", *wrong])
    assert not (tmp_path / "out").exists()


def test_without_a_dataset(tmp_path, capsys):
    synthesize.main([f"--output_dir={tmp_path / 'talk'}", "--sentences=0.5", "--avoid=yes,no"])
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "talk/sentences.csv",
        *(f"talk/{split}/000.wav" for split in ("test", "train", "val")),
    ]
    assert capsys.readouterr().out.count("0.5 minutes") == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--sentences=0"], "minutes of sentences: 0"),
        (["--sentences=1", "--words=yes"], "--avoid"),
        (["--sentences=1", "--clips_per_word=3"], "--avoid"),
        (["--sentences=1", "--avoid=,"], "an empty word"),
        (["--avoid=yes"], "is for --sentences"),
    ],
)
def test_flags_of_synthesize_that_do_not_go_together(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        synthesize.main([f"--output_dir={tmp_path / 'talk'}", *wrong])
    assert list(tmp_path.iterdir()) == []
