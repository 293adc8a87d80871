"""What espeak-ng says of phrases: phonemes, homophones, and phrases that it cannot say."""

import gc
import sys

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.synthetic import pronunciation
from open_seq2seq.synthetic.espeak import ESPEAK_RATE, Espeak, Utterance
from open_seq2seq.synthetic.pronunciation import can_say, check_phrases, pronounce


def test_phonemes_have_no_stress_and_words_do():
    lamp = pronounce("hey lamp")
    assert lamp.phonemes == ("h", "eI", "l", "a", "m", "p")
    assert [[str(token) for token in word] for word in lamp.words] == [
        ["h", "'eI"],
        ["l", "'a", "m", "p"],
    ]


@pytest.mark.parametrize(
    ("one", "other"), [("write", "right"), ("four", "for"), ("no", "know"), ("hey", "hay")]
)
def test_homophones_are_at_no_distance(one, other):
    assert pronounce(one).distance_to(pronounce(other)) == 0


def test_what_one_accent_alone_says_alike_is_nearest():
    # the Midlands drop their h
    assert pronounce("hair").distance_to(pronounce("air")) == 1
    assert pronounce("hair").nearest_to(pronounce("air")) == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no letters"),
        ("?!", "no letters"),
        ("12", "no letters"),
        ("привет", "cannot say 'п'"),
        ("日本", "cannot say '日'"),
        ("नमस्ते", "cannot say 'न'"),
        ("stop 😀", "cannot say '😀'"),
        ("[[st0p]]", r"cannot say '\['"),
    ],
)
def test_what_the_voices_cannot_say_is_refused(text, named):
    with pytest.raises(UserError, match=named):
        pronounce(text)
    assert not can_say(text)


@pytest.mark.parametrize("text", ["naïve", "stop 2", "don't", "lamp_post", "O.K."])
def test_odd_but_sayable(text):
    check_phrases([text], clip_s=1.0)


def test_a_phrase_longer_than_a_clip_is_refused():
    twelve = "please turn on the big light in the kitchen and the hall"
    assert len(twelve.split()) == 12
    with pytest.raises(UserError, match=r"too long for a clip of 1 s.*or clips of"):
        check_phrases(["stop", twelve], clip_s=1.0)
    check_phrases([twelve], clip_s=4.0)


def test_a_phrase_in_phonemes_sounds_like_the_word():
    espeak = Espeak()
    utterance = Utterance("three", "en", "m3", 150, 50, 50)
    word = espeak.say(utterance)
    phonemes = espeak.say(utterance._replace(text="T|r|'i:", is_phonemes=True))
    letters = espeak.say(utterance._replace(text="T|r|'i:"))
    assert len(phonemes) == pytest.approx(len(word), rel=0.02)
    assert len(letters) > 1.5 * len(word)


def test_without_espeak_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    pronunciation._espeak.cache_clear()
    pronounce.cache_clear()
    for ask in (pronounce, can_say):
        with pytest.raises(UserError, match="pip install espeakng-loader"):
            ask("stop")


def test_several_instances_of_a_process_speak_in_turn():
    utterance = Utterance("lamp", "en-us", "m3", 150, 50, 50)
    one, other = Espeak(), Espeak()
    lengths = [len(each.say(utterance)) for each in (one, other, one)]
    del other
    gc.collect()
    lengths.append(len(one.say(utterance)))
    # what was said before moves the samples, not the length by much
    assert min(lengths) > 0.9 * max(lengths) > 0.2 * ESPEAK_RATE
