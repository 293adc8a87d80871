"""Pseudo-words out of a keyword's phonemes, which English could have."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from open_seq2seq.synthetic.phoneme_distance import (
    CONSONANTS,
    VOWELS,
    Token,
    is_vowel,
    phonemes_of,
    substitution_cost,
)
from open_seq2seq.synthetic.pronunciation import pronounce
from open_seq2seq.synthetic.vocabulary import common_words

# Consonants change by one feature. Vowels change by two steps, as accents move them by one.
_NEAR_CONSONANT, _NEAR_VOWEL = 1 / 3, 2 / 3
# English accents drop h, and make r what is before it
_UNSTABLE = ("h", "r")
# sounds that English words lack, or that not all accents have
_FOREIGN = ("x", "t[", "d[", "Z", "O", "O2", "aa", "@", "3", "i@", "U@", "A@", "O@", "o@", "e@")

Word = tuple[Token, ...]


class PseudoWord(NamedTuple):
    """Phonemes in espeak-ng's names."""

    words: tuple[Word, ...]
    kind: str  # half, dropped or replaced

    @property
    def phonemes(self) -> tuple[str, ...]:
        """The phonemes, without stress."""
        return phonemes_of([token.name for word in self.words for token in word])


def pseudo_words(words: Sequence[Word]) -> list[PseudoWord]:
    """Return what `edits` makes of each word of a phrase, and the halves of a single word."""
    made = []
    if len(words) == 1:
        made += [PseudoWord((half,), "half") for half in _halves(words[0])]
    for i, word in enumerate(words):
        for edited, kind in edits(word):
            made.append(PseudoWord((*words[:i], edited, *words[i + 1 :]), kind))
    return made


def edits(word: Word) -> Iterator[tuple[Word, str]]:
    """Yield the word without each of its phonemes, and with a near phoneme instead of it.

    Only what begins and ends like English words do is yielded.
    """
    for i, token in enumerate(word):
        if token.name in _UNSTABLE:
            continue
        without = (*word[:i], *word[i + 1 :])
        if not is_vowel(token.name) and _is_english(without):
            yield without, "dropped"
    for i, token in enumerate(word):
        if token.name in _UNSTABLE:
            continue
        for name in _near(token.name):
            replaced = (*word[:i], token._replace(name=name), *word[i + 1 :])
            if _is_english(replaced):
                yield replaced, "replaced"


def _halves(word: Word) -> Iterator[Word]:
    """Yield the first and the second half; a vowel is in both where a half would have none."""
    vowels = [i for i, token in enumerate(word) if is_vowel(token.name)]
    if not vowels:
        return
    middle = len(word) // 2
    for half in (word[: max(middle, vowels[0] + 1)], word[min(middle, vowels[-1]) :]):
        if half != word:
            yield half


def _near(name: str) -> list[str]:
    """Return the phonemes near to one, by espeak-ng's names."""
    phonemes = phonemes_of([name])
    if len(phonemes) != 1:
        return []
    if phonemes[0] in CONSONANTS:
        choices, wanted = CONSONANTS, _NEAR_CONSONANT
    else:
        choices, wanted = VOWELS, _NEAR_VOWEL
    return [
        other
        for other in choices
        if other not in _FOREIGN + _UNSTABLE
        and abs(substitution_cost(phonemes[0], other) - wanted) < 1e-6
    ]


def _is_english(word: Word) -> bool:
    """Tell whether everyday words begin and end with the consonants of ``word``."""
    start, end = _edges(word)
    starts, ends = _english_edges()
    return start in starts and end in ends


def _edges(word: Word) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the consonants before the first vowel and after the last one; None without vowels."""
    vowels = [i for i, token in enumerate(word) if is_vowel(token.name)]
    if not vowels:
        return None, None
    names = [token.name for token in word]
    return phonemes_of(names[: vowels[0]]), phonemes_of(names[vowels[-1] + 1 :])


@functools.cache
def _english_edges() -> tuple[set[tuple[str, ...] | None], set[tuple[str, ...] | None]]:
    edges = [_edges(word) for text in common_words() for word in pronounce(text).words]
    return {start for start, _ in edges} - {None}, {end for _, end in edges} - {None}
