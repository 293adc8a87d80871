"""What running speech must not say: keywords, what sounds like one, and words that are held out."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from open_seq2seq.synthetic.confusables import limit_for
from open_seq2seq.synthetic.ipa import english_phonemes
from open_seq2seq.synthetic.phoneme_distance import SAME, distance, substitution_cost
from open_seq2seq.synthetic.pronunciation import (
    REFERENCE_ACCENT,
    can_say,
    pronounce,
    sounds_in,
    symbols_in,
)
from open_seq2seq.synthetic.speakers import ACCENTS

Sound = tuple[str, ...]  # the phonemes of a word

# A foreign o is no English one: one feature may differ and it is the keyword nevertheless.
_SAME_ABROAD = 0.5
# Shorter words are in too many others to leave all of those out, as "go" is in "ago".
_LONG_ENOUGH = 4
_ENDINGS = ("s", "es", "d", "ed", "ing", "er", "'s")


class _Wanted(NamedTuple):
    """A keyword or a word that is held out."""

    text: str
    tokens: tuple[str, ...]
    sounds: frozenset[Sound]  # without stress, in every accent; empty if the voices cannot say it
    limit: float | None  # of the distance of what sounds like it, for a word that is held out


class Unwanted:
    """Tells what must not be in a sentence.

    Args:
        keywords: words and phrases of which nothing may say one. Those that the English voices
            cannot say are compared as text, and as the voice of each other language reads them.
        held_out: words of which nothing may say one, and no word may sound like one either.

    Raises:
        UserError: espeak-ng is missing.
    """

    def __init__(self, keywords: Iterable[str], held_out: Iterable[str] = ()) -> None:
        wanted = [_wanted(text, is_held_out=False) for text in dict.fromkeys(keywords)]
        wanted += [_wanted(text, is_held_out=True) for text in dict.fromkeys(held_out)]
        self._wanted = tuple(wanted)

    def allows_everywhere(self, text: str) -> bool:
        """Tell whether some English words can be said in any accent."""
        return self._allows_text(text) and all(
            self._allows(sounds_in(text, accent), SAME, "") for accent in ACCENTS
        )

    def allows_english(self, sentence: str, accent: str) -> bool:
        """Tell whether a sentence of words that can be said has nothing between or across them."""
        return self._allows_text(sentence) and all(
            self._allows(sounds_in(sentence, each), SAME, "") for each in {accent, REFERENCE_ACCENT}
        )

    def allows_foreign(self, sentence: str, language: str) -> bool:
        """Tell the same of a sentence in another language.

        What that language's voice switches to English for is not allowed either.
        """
        if not self._allows_text(sentence):
            return False
        symbols = symbols_in(sentence, language)
        if any("(" in symbol for word in symbols for symbol in word):
            return False
        return self._allows([english_phonemes(word) for word in symbols], _SAME_ABROAD, language)

    def _allows_text(self, text: str) -> bool:
        tokens = _tokens(text)
        return not any(_has_tokens(tokens, each.tokens) for each in self._wanted)

    def _allows(self, words: Sequence[Sound], same: float, language: str) -> bool:
        words = [word for word in words if word]
        for each in self._wanted:
            sounds = each.sounds
            if language:
                sounds |= {_read_abroad(each.text, language)} - {()}
            for sound in sounds:
                anywhere = len(each.tokens) > 1 or len(sound) >= _LONG_ENOUGH
                if _is_said(words, sound, same, anywhere):
                    return False
                if each.limit is not None and _is_near(words, sound, len(each.tokens), each.limit):
                    return False
        return True


def _wanted(text: str, *, is_held_out: bool) -> _Wanted:
    sounds: frozenset[Sound] = frozenset()
    limit = None
    if can_say(text):
        said = pronounce(text)
        sounds = said.by_accent
        if is_held_out:
            limit = limit_for(said) + 1e-6
    return _Wanted(text, tuple(_tokens(text)), sounds, limit)


def _tokens(text: str) -> list[str]:
    """Return the words of a text, without punctuation and differences of case."""
    words = text.replace("_", " ").casefold().split()
    return [token for word in words if (token := word.strip(".,:;?!\"'"))]


def _has_tokens(tokens: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether ``wanted`` is among the words, with or without an ending."""
    if not wanted:
        return False
    *start, last = wanted
    # "stopped" and "making" too
    lasts = {last, *(last + end for end in _ENDINGS)}
    if last[-1] in "ey":
        lasts |= {last[:-1] + end for end in ("ed", "ing", "ies")}
    elif last[-1] not in "aiou":
        lasts |= {last + last[-1] + end for end in _ENDINGS}
    return any(
        list(tokens[i : i + len(start)]) == start and tokens[i + len(start)] in lasts
        for i in range(len(tokens) - len(start))
    )


def _is_said(words: Sequence[Sound], wanted: Sound, same: float, anywhere: bool) -> bool:
    """Tell whether phonemes in a row are ``wanted``, with less than ``same`` of a difference.

    So little of it leaves no room for a phoneme more or less.

    Args:
        words: the phonemes of each word.
        wanted: the phonemes of a keyword.
        same: limit of the cost of substitutions.
        anywhere: whether it may begin and end within words, and not only between two.
    """
    phonemes = [phoneme for word in words for phoneme in word]
    edges = _edges(words)
    starts: Iterable[int] = edges
    if anywhere:
        starts = range(len(phonemes))
    n = len(wanted)
    for start in starts:
        if start + n > len(phonemes) or not (anywhere or start + n in edges):
            continue
        cost = 0.0
        for phoneme, other in zip(phonemes[start : start + n], wanted, strict=True):
            cost += substitution_cost(phoneme, other)
            if cost >= same:
                break
        else:
            return True
    return False


def _edges(words: Sequence[Sound]) -> list[int]:
    """Return where words begin and end, as numbers of phonemes before it."""
    edges = [0]
    for word in words:
        edges.append(edges[-1] + len(word))
    return edges


def _is_near(words: Sequence[Sound], wanted: Sound, n_words: int, limit: float) -> bool:
    """Tell whether as many words in a row as a phrase has are at most ``limit`` from it."""
    return any(
        distance(sum(words[i : i + n_words], ()), wanted) <= limit
        for i in range(len(words) - n_words + 1)
    )


@functools.cache
def _read_abroad(text: str, language: str) -> Sound:
    """Return how the voice of another language reads a keyword; nothing if it does not."""
    if not text.isprintable():  # a name of a folder that is no UTF-8
        return ()
    symbols = symbols_in(text, language)
    if any("(" in symbol for word in symbols for symbol in word):
        return ()
    return tuple(phoneme for word in symbols for phoneme in english_phonemes(word))
