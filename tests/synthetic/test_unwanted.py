"""What running speech must not say, with words whose sounds are known."""

import re

import numpy as np
import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.grammar import allowed_grammar, draw_sentence, grammar
from open_seq2seq.synthetic.ipa import english_phonemes
from open_seq2seq.synthetic.languages import draw_foreign, languages
from open_seq2seq.synthetic.scenes import Writer
from open_seq2seq.synthetic.unwanted import Unwanted

REFERENCE = "en-us"


@pytest.mark.parametrize(
    ("keyword", "sentence", "is_allowed"),
    [
        ("write", "turn left, please.", True),
        ("write", "turn right, please.", False),  # a homophone
        ("right", "you are all right.", False),
        ("no", "I know that.", False),
        ("no", "nobody came.", True),  # a part of a word
        ("alone", "it was a loan.", False),  # two words
        ("stop", "they stopped.", False),
        ("make", "we are making tea.", False),
        ("go", "it was good.", True),
        ("lamp", "a clamp.", False),  # four phonemes count within a word as well
        ("hey lamp", "the old lamp.", True),
        ("hey lamp", "they lamp it.", False),  # the same in accents without h
        ("hey lamp", "she said: hey, lamp!", False),
        ("hay lamp", "she said: hey lamb.", True),
        ("hay lamp", "hey lamp", False),
        ("привет", "hello.", True),
    ],
)
def test_keywords_homophones_and_phrases_in_english(keyword, sentence, is_allowed):
    assert Unwanted([keyword]).allows_english(sentence, REFERENCE) is is_allowed


def test_a_word_held_out_takes_what_sounds_like_it():
    # "three" has another consonant, "tea" one less: a distance of 2/3 and of 1
    for sentence in ("a tree.", "three of them.", "some tea."):
        assert Unwanted(["lamp"]).allows_english(sentence, REFERENCE)
        assert not Unwanted(["lamp"], ["tree"]).allows_english(sentence, REFERENCE)
    assert Unwanted(["lamp"], ["tree"]).allows_english("the window.", REFERENCE)


@pytest.mark.parametrize(
    ("keyword", "sentence", "language", "is_allowed"),
    [
        ("no", "la casa, no.", "es", False),
        ("no", "la casa, tiempo.", "es", True),
        ("nine", "das ist nein.", "de", False),  # the same sounds
        ("nine", "das ist haus.", "de", True),
        ("house", "das haus.", "de", False),
        ("licht", "das licht.", "de", False),  # the word itself
        ("lixt", "das lickst.", "de", False),  # as the German voice reads the keyword
        ("привет", "он сказал превет.", "ru", False),
        ("привет", "он сказал слово.", "ru", True),
        ("lamp", "trò", "vi", True),
        ("lamp", "cái tròchơi", "vi", False),  # which the voice says in English
    ],
)
def test_keywords_in_other_languages(keyword, sentence, language, is_allowed):
    assert Unwanted([keyword]).allows_foreign(sentence, language) is is_allowed


def test_ipa_as_english_phonemes():
    assert english_phonemes(["n", "ˈaɪ", "n"]) == ("n", "aI", "n")
    assert english_phonemes(["tɕ", "ˈiɛ5", "n"]) == ("tS", "i:", "E", "n")
    assert english_phonemes(["p", "e", "ɾ", "rː", "ˈɔ̃"]) == ("p", "E", "r", "O:")


def test_a_grammar_without_what_is_not_allowed():
    rules = {
        "s": ("the {thing}.", "{who} saw {thing}.", "a {rare} word"),
        "who": ("I", "the cat"),
        "thing": ("lamp", "door"),
        "rare": ("the",),
    }
    kept = allowed_grammar(rules, lambda text: "the" not in text.split())
    assert kept == {
        "s": ("{who} saw {thing}.",),
        "who": ("I",),
        "thing": ("lamp", "door"),
        "rare": (),
    }
    drawn = {draw_sentence(kept, np.random.default_rng(seed)) for seed in range(20)}
    assert drawn == {"I saw lamp.", "I saw door."}
    with pytest.raises(ValueError, match="no sentence"):
        draw_sentence({"s": ()}, np.random.default_rng(0))


def test_an_before_a_vowel():
    rules = {"s": ("a {thing} and {thing} a day",), "thing": ("owl",)}
    assert draw_sentence(rules, np.random.default_rng(0)) == "an owl and owl a day"


def test_thousands_of_sentences_are_nearly_all_different():
    rng = np.random.default_rng(0)
    english = [draw_sentence(grammar(), rng) for _ in range(3000)]
    assert len(set(english)) > 2900
    assert not any("{" in text for text in english)
    for language in languages():
        assert len({draw_foreign(language, rng, bool) for _ in range(100)}) == 100


@pytest.mark.parametrize("keyword", ["the", "you", "can"])
def test_a_keyword_of_most_templates_leaves_sentences(keyword):
    writer = Writer(Unwanted([keyword]))
    rng = np.random.default_rng(0)
    said = {writer.english(REFERENCE, rng) for _ in range(100)}
    assert len(said) > 80
    assert not any(keyword in text.lower().replace(",", " ").split() for text in said)


def test_keywords_that_leave_no_sentence():
    keywords = list(grammar()["can"])
    for template in grammar()["s"]:
        own = re.findall(r"\w+", re.sub(r"\{\w+\}", "", template))
        keywords += own[:1]  # one word of each template is enough
    with pytest.raises(UserError, match="hardly an English sentence is left"):
        Writer(Unwanted(keywords))
