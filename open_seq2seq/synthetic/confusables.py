"""Words and phrases that sound nearly like a keyword, but are not it.

For a keyword they are the near ones of a vocabulary and the parts of a phrase, its words in another
order, and pseudo-words: a half of the keyword, and the keyword without a phoneme or with another
consonant or vowel. What differs by less than an accent does (`phoneme_distance.SAME`) in any of the
voices' accents, such as "write" for "right", is a homophone, which must never be a negative. The
distance is the smallest one that the accents give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from open_seq2seq.synthetic.phoneme_distance import SAME, Token, distance
from open_seq2seq.synthetic.pronunciation import Pronunciation, can_say, pronounce
from open_seq2seq.synthetic.pseudo_words import PseudoWord, pseudo_words

MAX_WORDS = 30  # of a vocabulary, for one keyword
MAX_PSEUDO_WORDS = 30
HOMOPHONE, CONTAINS = "homophone", "contains"  # kinds that are never negatives


class Confusable(NamedTuple):
    """What sounds like ``keyword``, and how far from it."""

    keyword: str
    text: str  # words, or a pseudo-word's phonemes in [[ ]]
    kind: str  # word, part, reversed, half, dropped, replaced, HOMOPHONE or CONTAINS
    distance: float
    phonemes: tuple[str, ...]
    by_accent: frozenset[tuple[str, ...]]

    @property
    def says_keyword(self) -> bool:
        """Whether a listener hears a keyword, so that it is no negative."""
        return self.kind in (HOMOPHONE, CONTAINS)

    @property
    def is_pseudo_word(self) -> bool:
        return self.text.startswith("[[")


def confusables(phrase: str, vocabulary: Iterable[str]) -> list[Confusable]:
    """Return what sounds like ``phrase``, nearest first, with its homophones in the vocabulary.

    Words of the vocabulary that the voices cannot say are passed over.

    Args:
        phrase: a word or several.
        vocabulary: words and phrases to choose from.

    Raises:
        UserError: the voices cannot say ``phrase``.
    """
    keyword = pronounce(phrase)
    known = [pronounce(text) for text in vocabulary if can_say(text)]
    words = _near_words(keyword, known)
    if len(keyword.words) > 1:
        words += _rearranged(keyword, known)
    found = {found.text: found for found in reversed(words)}
    homophones = [each for each in found.values() if each.says_keyword]
    near = sorted(
        (each for each in found.values() if not each.says_keyword),
        key=lambda each: (each.kind == "word", each.distance, each.text),
    )
    n_others = sum(each.kind != "word" for each in near)
    near = near[: n_others + MAX_WORDS]
    taken = {accent for each in found.values() for accent in each.by_accent}
    made = _pseudo(keyword, taken)
    return sorted([*homophones, *near, *made], key=lambda each: (each.distance, each.text))


def says_keyword(text: str, keywords: Sequence[str]) -> str | None:
    """Return the keyword that ``text`` has in it, as it is or as a homophone; None without one.

    "write" and "right here" both say "right". Keywords that the voices cannot say are only compared
    as text.

    Raises:
        UserError: the voices cannot say ``text``.
    """
    words = text.replace("_", " ").split()
    pieces = [" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    for keyword in keywords:
        if keyword.casefold() in (piece.casefold() for piece in (text, *pieces)):
            return keyword
        if not can_say(keyword):
            continue
        wanted = pronounce(keyword)
        if any(wanted.nearest_to(pronounce(piece)) < SAME for piece in pieces if can_say(piece)):
            return keyword
    return None


def sounds_like(one: Pronunciation, other: Pronunciation) -> bool:
    """Tell whether two words are homophones, or their distance is at most `limit_for` either."""
    return one.nearest_to(other) <= limit_for(one) + 1e-6


def limit_for(keyword: Pronunciation) -> float:
    """Return the largest distance of a confusable: 1, or a quarter of the phonemes if longer."""
    return max(1.0, len(keyword.phonemes) / 4)


def _near_words(keyword: Pronunciation, known: Sequence[Pronunciation]) -> list[Confusable]:
    return [
        _compare(keyword, other, "word")
        for other in known
        if other.text != keyword.text and sounds_like(keyword, other)
    ]


def _rearranged(keyword: Pronunciation, known: Sequence[Pronunciation]) -> list[Confusable]:
    """Return the parts of a phrase, its reverse, and it with one word changed for a near one."""
    texts = keyword.text.replace("_", " ").split()
    made = [(" ".join(reversed(texts)), "reversed"), *((text, "part") for text in texts)]
    for i, text in enumerate(texts):
        word = pronounce(text)
        near = sorted(
            (word.nearest_to(other), other.text)
            for other in known
            if " " not in other.text and sounds_like(word, other)
        )
        made += [(" ".join([*texts[:i], other, *texts[i + 1 :]]), "word") for _, other in near]
    return [
        _compare(keyword, pronounce(text), kind)
        for text, kind in made
        if text.casefold() != keyword.text.casefold() and can_say(text)
    ]


def _compare(keyword: Pronunciation, other: Pronunciation, kind: str) -> Confusable:
    nearest = keyword.nearest_to(other)
    if nearest < SAME:
        kind = HOMOPHONE
    elif says_keyword(other.text, [keyword.text]):
        kind = CONTAINS
    return Confusable(
        keyword.text, other.text, kind, round(nearest, 3), other.phonemes, other.by_accent
    )


def _pseudo(keyword: Pronunciation, taken: set[tuple[str, ...]]) -> list[Confusable]:
    """Return the pseudo-words that are neither near the keyword's homophones nor in ``taken``."""
    made: dict[tuple[str, ...], PseudoWord] = {}
    for word in pseudo_words(keyword.words):
        too_near = any(distance(word.phonemes, accent) < SAME for accent in keyword.by_accent)
        if not too_near and word.phonemes not in taken:
            made.setdefault(word.phonemes, word)
    chosen = [word for word in made.values() if word.kind != "replaced"]
    replaced = [word for word in made.values() if word.kind == "replaced"]
    n_left = max(0, MAX_PSEUDO_WORDS - len(chosen))
    if len(replaced) > n_left:  # evenly, or else those of the first phoneme would be all
        replaced = [replaced[i * len(replaced) // n_left] for i in range(n_left)]
    return [
        Confusable(
            keyword.text,
            spell(word.words),
            word.kind,
            round(min(distance(word.phonemes, accent) for accent in keyword.by_accent), 3),
            word.phonemes,
            frozenset([word.phonemes]),
        )
        for word in [*chosen[:MAX_PSEUDO_WORDS], *replaced]
    ]


def spell(words: Sequence[Sequence[Token]]) -> str:
    """Return phonemes as espeak-ng reads them, ``[[s|t|'0|p]]``."""
    return "[[" + " ".join("|".join(map(str, word)) for word in words) + "]]"


def confusables_of(keywords: Sequence[str], vocabulary: Sequence[str]) -> list[Confusable]:
    """Return the confusables of several keywords, each text once, with its nearest keyword.

    What says another keyword is marked as well, and pseudo-words that sound like one are left out.

    Raises:
        UserError: the voices cannot say a keyword.
    """
    chosen: dict[str, Confusable] = {}
    said = [accent for keyword in keywords for accent in pronounce(keyword).by_accent]
    for keyword in keywords:
        for found in confusables(keyword, vocabulary):
            if found.is_pseudo_word:
                if any(distance(found.phonemes, accent) < SAME for accent in said):
                    continue
            elif not found.says_keyword and says_keyword(found.text, keywords):
                found = found._replace(kind=CONTAINS)
            known = chosen.get(found.text)
            if known is None or found.distance < known.distance:
                chosen[found.text] = found
    return sorted(chosen.values(), key=lambda each: (each.keyword, each.distance, each.text))
