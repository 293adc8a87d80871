"""Sentences for running speech: everyday English words, and pseudo-words that other languages read.

They mean nothing. What counts is that speech without the keywords has all kinds of sounds, and the
rhythm of sentences. A pseudo-word is a row of syllables that espeak-ng reads by a language's own
rules; numbers are read as that language's number words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.synthetic.phoneme_distance import SAME, as_token, distance, phonemes_of
from open_seq2seq.synthetic.pronunciation import Pronunciation

_WORDS = (4, 12)  # of a sentence
_NUMBER_PROBABILITY = 0.08  # of a word
_LARGEST_NUMBER = 10_000
_COMMA_PROBABILITY = 0.12  # after a word
_QUESTION_PROBABILITY = 0.2
_SYLLABLES = (0.25, 0.4, 0.25, 0.1)  # probabilities of one to four
_CODA_PROBABILITY = 0.35

# Of each language what begins a syllable, what is in it, and what may end it.
_SHARED = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v")


class Spelling(NamedTuple):
    """How a language writes syllables."""

    onsets: tuple[str, ...]
    vowels: tuple[str, ...]
    codas: tuple[str, ...]


LANGUAGES: dict[str, Spelling] = {
    "de": Spelling(
        (*_SHARED, "sch", "st", "sp", "z", "h", "w", "kr", "br", "fl", "pf"),
        ("a", "e", "i", "o", "u", "ä", "ö", "ü", "ei", "au", "eu", "ie"),
        ("n", "r", "s", "t", "l", "m", "ch", "nd", "st", "rt", "ng"),
    ),
    "fr-fr": Spelling(
        (*_SHARED, "ch", "j", "gn", "pr", "tr", "pl", "qu"),
        ("a", "e", "i", "o", "u", "é", "è", "ou", "eu", "an", "on", "in", "oi", "eau"),
        ("r", "s", "l", "ne", "te", "que", "lle"),
    ),
    "es": Spelling(
        (*_SHARED, "ch", "ll", "ñ", "j", "rr", "tr", "pr", "z"),
        ("a", "e", "i", "o", "u", "ie", "ue", "ia"),
        ("n", "r", "s", "l", "d"),
    ),
    "it": Spelling(
        (*_SHARED, "ci", "gi", "sc", "gn", "gli", "z", "tr", "st"),
        ("a", "e", "i", "o", "u", "ia", "io"),
        ("n", "r", "l", "s"),
    ),
    "pt": Spelling(
        (*_SHARED, "ch", "lh", "nh", "j", "pr", "tr"),
        ("a", "e", "i", "o", "u", "ão", "ei", "ou", "ã", "õe"),
        ("r", "s", "l", "m"),
    ),
    "nl": Spelling(
        (*_SHARED, "sch", "w", "z", "h", "st", "vr", "j"),
        ("a", "e", "i", "o", "u", "aa", "ee", "ij", "ui", "oe", "eu", "oo"),
        ("n", "r", "s", "t", "l", "g", "cht", "k"),
    ),
    "pl": Spelling(
        (*_SHARED, "sz", "cz", "rz", "ś", "ć", "ż", "w", "prz", "st"),
        ("a", "e", "i", "o", "u", "y", "ą", "ę", "ó"),
        ("n", "k", "s", "m", "ł", "ć", "w"),
    ),
    "sv": Spelling(
        (*_SHARED, "sj", "tj", "sk", "h", "j", "tr"),
        ("a", "e", "i", "o", "u", "y", "å", "ä", "ö"),
        ("n", "r", "s", "t", "ll", "ng", "rd"),
    ),
    "fi": Spelling(
        ("h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v"),
        ("a", "e", "i", "o", "u", "y", "ä", "ö", "aa", "ii", "uo", "ie"),
        ("n", "s", "t", "l", "kk", "tt"),
    ),
    "tr": Spelling(
        (*_SHARED, "ş", "ç", "c", "y", "z", "h"),
        ("a", "e", "ı", "i", "o", "ö", "u", "ü"),
        ("n", "r", "s", "k", "l", "m", "ş"),
    ),
    "hu": Spelling(
        (*_SHARED, "sz", "cs", "gy", "ny", "zs", "h", "j"),
        ("a", "á", "e", "é", "i", "o", "ö", "ő", "u", "ü"),
        ("n", "k", "r", "t", "s", "l", "gy"),
    ),
    "cs": Spelling(
        (*_SHARED, "č", "š", "ž", "ř", "c", "h", "j"),
        ("a", "á", "e", "ě", "i", "í", "o", "u", "ů", "y"),
        ("n", "k", "t", "s", "l", "m", "ch"),
    ),
    "ro": Spelling(
        (*_SHARED, "ş", "ţ", "ci", "ge", "j", "z", "h"),
        ("a", "ă", "â", "e", "i", "o", "u", "ea", "oa"),
        ("n", "r", "s", "t", "l", "m"),
    ),
    "id": Spelling(
        ("b", "d", "g", "h", "j", "k", "l", "m", "n", "ng", "ny", "p", "r", "s", "t", "w", "y"),
        ("a", "e", "i", "o", "u", "ai", "au"),
        ("n", "ng", "k", "r", "s", "t", "h"),
    ),
}


def english_sentence(words: Sequence[str], rng: np.random.Generator) -> str:
    """Return a row of English words with numbers, commas and an end."""
    return _sentence(lambda: words[int(rng.integers(len(words)))], rng)


def foreign_sentence(language: str, rng: np.random.Generator) -> str:
    """Return pseudo-words of one of `LANGUAGES`, with numbers, commas and an end."""
    return _sentence(lambda: _pseudo_word(LANGUAGES[language], rng), rng)


def says(spoken: Sequence[Sequence[str]], keywords: Sequence[Pronunciation]) -> bool:
    """Tell whether a keyword is among the words of a sentence, as it is or nearly.

    Args:
        spoken: the phonemes of each word, as espeak-ng names them.
        keywords: what must not be said.
    """
    words = [phonemes_of([as_token(token).name for token in word]) for word in spoken]
    for keyword in keywords:
        # a keyword of two words may be written as one, or as three
        for n in range(1, len(keyword.words) + 2):
            for first in range(len(words) - n + 1):
                run = sum(words[first : first + n], ())
                for accent in keyword.by_accent:
                    # no edit can make up for a difference in length of two phonemes
                    if abs(len(run) - len(accent)) < 2 and distance(run, accent) < SAME:
                        return True
    return False


def _sentence(next_word: Callable[[], str], rng: np.random.Generator) -> str:
    parts = []
    for _ in range(int(rng.integers(_WORDS[0], _WORDS[1] + 1))):
        word = next_word()
        if rng.random() < _NUMBER_PROBABILITY:
            word = str(int(rng.integers(_LARGEST_NUMBER)))
        parts.append(word + "," if rng.random() < _COMMA_PROBABILITY else word)
    end = "?" if rng.random() < _QUESTION_PROBABILITY else "."
    return " ".join(parts).rstrip(",") + end


def _pseudo_word(spelling: Spelling, rng: np.random.Generator) -> str:
    def one_of(letters: Sequence[str]) -> str:
        return letters[int(rng.integers(len(letters)))]

    word = ""
    for _ in range(1 + int(rng.choice(len(_SYLLABLES), p=_SYLLABLES))):
        word += one_of(spelling.onsets) + one_of(spelling.vowels)
        if rng.random() < _CODA_PROBABILITY:
            word += one_of(spelling.codas)
    return word
