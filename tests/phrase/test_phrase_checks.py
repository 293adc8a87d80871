"""Which phrases can become a detector, and what else is said."""

import logging

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.phrase.amounts import QUICK
from open_seq2seq.phrase.checking import check_phrases, window_seconds
from open_seq2seq.phrase.texts import choose_texts
from open_seq2seq.synthetic.confusables import says_keyword
from open_seq2seq.synthetic.pronunciation import seconds_said


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        (["123"], "no letters"),
        (["..."], "no letters"),
        ([""], "expected letters"),
        (["hey\x07lamp"], "expected letters"),
        (["привет"], "the English voices cannot say 'п'"),
        (["please turn on the big green lamp in the small back garden"], "1.5 s at most"),
        (["unknown"], "added by itself"),
        (["hey lamp", "hey  lamp"], "named twice"),
        (["right", "write"], "sound alike"),
        (["lamp off", "hey lamp off"], "who says one says the other"),
    ],
)
def test_what_cannot_be_a_phrase_is_refused(phrases, message):
    with pytest.raises(UserError, match=message):
        check_phrases(phrases)


def test_phrases_become_labels_and_short_ones_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        assert check_phrases([" hey   lamp", "Lamp off"]) == ("hey lamp", "Lamp off")
        assert not caplog.records
        assert check_phrases(["go"]) == ("go",)
    assert "only 2 phonemes" in caplog.text


def test_a_window_holds_the_longest_phrase_said_slowly():
    long = "turn on the kitchen light please"
    slow = 260 / 100 * seconds_said(long)  # words per minute
    assert slow <= window_seconds(["hey lamp", long]) < slow + 0.1
    assert window_seconds(["stop"]) == 1.0  # the shortest


def test_nothing_else_that_is_said_says_a_phrase():
    phrases = ["hey lamp", "stop"]
    texts = choose_texts(phrases, QUICK, seed=0)
    others = [*texts.swapped, *texts.words]
    others += [text for text in texts.confusables if not text.startswith("[[")]
    assert not [text for text in others if says_keyword(text, phrases)]
    assert "top" in texts.confusables and "hey" in texts.confusables
    assert len(texts.swapped) == QUICK.n_swapped and len(texts.words) == QUICK.n_words
    # one word of the phrase, and one other, in its place
    for text in texts.swapped:
        assert [a == b for a, b in zip(text.split(), ["hey", "lamp"], strict=True)].count(True) == 1
    assert not {*texts.words} & {*texts.swapped, *texts.confusables}
    assert choose_texts(phrases, QUICK, seed=0) == texts
