"""Sentence-like runs of words in other languages, read by espeak-ng's voices of them.

A word is one of a short list or, more often, made of the list's syllables: a beginning, a middle
and an end. So a few dozen words give thousands, which have the sounds, the rhythm and the stress
that the language's own reading rules give them, and no meaning. A list alone would be learned by
heart. Phonemes instead of spelling would need an inventory and the stress rules of each language.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_LISTED_PROBABILITY = 0.35  # of a word of the list
_N_WORDS = (4, 12)  # of a sentence, the second one excluded
_COMMA_PROBABILITY = 0.15  # after a word
_TRIES = 30  # for a word
_ENDINGS = (".", ".", ".", "?", "!")


class Language(NamedTuple):
    """Words of a language."""

    name: str  # espeak-ng's, "pt-br"
    words: tuple[str, ...]
    firsts: tuple[str, ...]  # syllables, by their place in words of several
    middles: tuple[str, ...]
    lasts: tuple[str, ...]


@functools.cache
def languages() -> tuple[Language, ...]:
    """Return all languages but English."""
    text = importlib.resources.files(__package__).joinpath("languages.txt").read_text("utf-8")
    return tuple(_language(*line.split()) for line in text.splitlines())


def _language(name: str, *words: str) -> Language:
    several = [parts for word in words if len(parts := word.split("-")) > 1]
    return Language(
        name,
        tuple(word.replace("-", "") for word in words),
        tuple(parts[0] for parts in several),
        tuple(part for parts in several for part in parts[1:-1]),
        tuple(parts[-1] for parts in several),
    )


def draw_foreign(
    language: Language, rng: np.random.Generator, is_allowed: Callable[[str], bool]
) -> str:
    """Return a run of words with the punctuation of a sentence.

    Args:
        language: of the words.
        rng: draws everything.
        is_allowed: tells it of a word; one that is not is only in the run if hardly any is.
    """
    words = [_draw_allowed(language, rng, is_allowed) for _ in range(rng.integers(*_N_WORDS))]
    commas = rng.random(len(words) - 1) < _COMMA_PROBABILITY
    inner = [word + ("," if comma else "") for word, comma in zip(words[:-1], commas, strict=True)]
    return " ".join([*inner, words[-1]]) + _ENDINGS[rng.integers(len(_ENDINGS))]


def _draw_allowed(
    language: Language, rng: np.random.Generator, is_allowed: Callable[[str], bool]
) -> str:
    for _ in range(_TRIES):
        word = _draw_word(language, rng)
        if is_allowed(word):
            break
    return word


def _draw_word(language: Language, rng: np.random.Generator) -> str:
    # languages whose syllables are words are listed without any
    if not language.firsts or rng.random() < _LISTED_PROBABILITY:
        return _one_of(language.words, rng)
    parts = [_one_of(language.firsts, rng)]
    if language.middles:
        parts += [_one_of(language.middles, rng) for _ in range(rng.integers(0, 3))]
    return "".join([*parts, _one_of(language.lasts, rng)])


def _one_of(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
