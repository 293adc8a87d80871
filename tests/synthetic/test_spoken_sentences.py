"""Recordings of sentences: their lengths, their voices, what is said in them, the same again."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from open_seq2seq.data.official_split import official_split
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.languages import languages
from open_seq2seq.synthetic.phrases import voices_per_split
from open_seq2seq.synthetic.scenes import Writer
from open_seq2seq.synthetic.speakers import make_speakers
from open_seq2seq.synthetic.spoken_sentences import write_sentence_splits, write_sentences
from open_seq2seq.synthetic.unwanted import Unwanted

KEYWORDS = ("no", "right", "hey lamp")
MINUTES = {"train": 1.5, "test": 0.5}


def write(folder, n_jobs, seed=3):
    wanted = {split: (folder / split, minutes) for split, minutes in MINUTES.items()}
    return write_sentence_splits(
        wanted, avoid=KEYWORDS, held_out=["tree"], seed=seed, n_voices=30, n_jobs=n_jobs
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    return folder, write(folder, n_jobs=1)


def digest(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.wav"))
    }


def test_as_long_as_asked_for_to_the_sample(written):
    folder, _ = written
    for split, minutes in MINUTES.items():
        (path,) = (folder / split).iterdir()
        info = soundfile.info(path)
        assert path.name == "000.wav" and info.frames == minutes * 60 * 16000
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")


def test_what_is_said_is_heard_where_the_list_has_it(written):
    folder, said = written
    for split, sentences in said.items():
        sound, rate = soundfile.read(folder / split / "000.wav")
        assert len(sentences) >= 4
        ends = [0.0, *(each.end for each in sentences)]
        # one after the other, with a pause between two
        assert all(each.start >= end + 0.1 for each, end in zip(sentences, ends, strict=False))
        assert ends[-1] <= 60 * MINUTES[split]
        is_speech = np.zeros(len(sound), bool)
        for each in sentences:
            is_speech[round(each.start * rate) : round(each.end * rate)] = True
        power = np.square(sound)
        assert 0.5 < is_speech.mean() < 0.95
        # noise is at least 10 dB weaker
        assert power[is_speech].mean() > 5 * power[~is_speech].mean()


def test_voices_are_in_one_split_each(written):
    _, said = written
    for split, sentences in said.items():
        assert {official_split(each.speaker) for each in sentences} == {split}


@pytest.mark.slow
def test_the_same_bytes_with_more_processes_and_others_with_another_seed(written, tmp_path):
    folder, said = written
    assert write(tmp_path / "again", n_jobs=2) == said
    assert digest(tmp_path / "again") == digest(folder)
    other = write_sentences(tmp_path / "other", 0.5, avoid=KEYWORDS, split="test", seed=4)
    assert not {each.text for each in other} & {each.text for each in said["test"]}


def test_no_sentence_of_hundreds_says_a_keyword_and_many_languages_are_heard():
    unwanted = Unwanted(KEYWORDS, ["tree"])
    writer = Writer(unwanted)
    speakers = make_speakers(voices_per_split(30), 0)["train"]
    turns = [turn for i in range(150) for turn in writer.scene(speakers, 0, "test", i)]
    sentences = [sentence for turn in turns for sentence in turn.sentences]
    by_language = Counter(turn.sentences[0].language for turn in turns)
    assert by_language.keys() <= {"en", *(language.name for language in languages())}
    assert len(by_language) > 15  # some 130 draws of 22
    assert 0.5 < by_language["en"] / len(turns) < 0.7
    homophones = {"no", "know", "right", "write", "tree", "three", "tea"}
    for each in sentences:
        words = each.text.lower().replace(",", "").rstrip(".?!").split()
        assert not homophones & set(words), each.text
    assert len({each.text for each in sentences}) > 0.98 * len(sentences)
    assert len({each.utterance.rate_wpm for each in sentences}) > 50
    assert {turn.speaker.id for turn in turns} == {speaker.id for speaker in speakers}


@pytest.mark.parametrize(
    ("minutes", "changed", "message"),
    [
        (0.0, {}, "minutes of sentences: 0, expected 0.5"),
        (-1.0, {}, "expected 0.5"),
        (float("nan"), {}, "expected 0.5"),
        (1e9, {}, "expected 0.5"),
        (1.0, {"n_voices": 0}, "n_voices: 0"),
    ],
)
def test_invalid_arguments_write_nothing(tmp_path, minutes, changed, message):
    with pytest.raises(UserError, match=message):
        write_sentences(tmp_path / "new", minutes, **changed)
    assert list(tmp_path.iterdir()) == []
