"""Synthetic running speech: lengths, voices by split, and no keyword in it."""

import numpy as np
import pytest
import soundfile

from open_seq2seq.synthetic.espeak import Espeak
from open_seq2seq.synthetic.phrases import voices_per_split
from open_seq2seq.synthetic.pronunciation import pronounce
from open_seq2seq.synthetic.running_speech import write_speech
from open_seq2seq.synthetic.sentences import LANGUAGES, english_sentence, foreign_sentence, says
from open_seq2seq.synthetic.speakers import make_speakers

WORDS = ("garden", "paper", "yellow", "morning")


@pytest.fixture(scope="module")
def espeak():
    return Espeak()


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("Please stop the car.", True),
        ("The hey lamp is here.", True),
        ("The heylamp is here.", True),
        ("Stopping is hard.", False),
        ("The lamp, hey, is here.", False),
        ("Top shops shop.", False),
    ],
)
def test_a_keyword_in_a_sentence_is_found_by_its_phonemes(espeak, text, is_said):
    keywords = [pronounce("stop"), pronounce("hey lamp")]
    assert says(espeak.phonemes(text, "en-us"), keywords) is is_said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_reads_its_pseudo_words(espeak, language):
    text = foreign_sentence(language, np.random.default_rng(0))
    spoken = espeak.phonemes(text, language)
    assert len(spoken) >= 4 and foreign_sentence(language, np.random.default_rng(0)) == text
    assert not any("(" in token for word in spoken for token in word)  # no other language


def test_an_english_sentence_has_the_given_words_alone():
    text = english_sentence(WORDS, np.random.default_rng(3))
    words = {word for word in text.rstrip(".?").replace(",", "").split() if not word.isdigit()}
    assert words <= set(WORDS)


def test_recordings_have_their_lengths_and_voices_of_their_split(tmp_path):
    minutes = {"train": 1.05, "val": 0.05}
    for name in ("one", "two"):
        write_speech(tmp_path / name, minutes, ["hey lamp"], WORDS, seed=1, n_voices=40)
    speakers = make_speakers(voices_per_split(40), 1)
    for split, seconds in {"train": [60.0, 3.0], "val": [3.0]}.items():
        paths = sorted((tmp_path / "one" / split).glob("*.wav"))
        assert [soundfile.info(path).duration for path in paths] == pytest.approx(seconds)
        voices = {path.stem.rpartition("-")[2] for path in paths}
        assert voices <= {speaker.id for speaker in speakers[split]}
        for path in paths:
            assert path.read_bytes() == (tmp_path / "two" / split / path.name).read_bytes()
            sound, _ = soundfile.read(path)
            assert np.abs(sound).max() > 0.01
