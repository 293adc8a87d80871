"""What is said beside the phrases, so that they are not heard in everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from open_seq2seq.phrase.amounts import Amounts
from open_seq2seq.synthetic.confusables import confusables_of, says_keyword
from open_seq2seq.synthetic.pronunciation import can_say
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.synthetic.vocabulary import common_words


class Texts(NamedTuple):
    """Words and phrases, none of which says a phrase."""

    confusables: tuple[str, ...]  # words, and pseudo-words in [[ ]], that sound nearly like one
    swapped: tuple[str, ...]  # phrases with one word changed for any other
    words: tuple[str, ...]


def choose_texts(phrases: Sequence[str], amounts: Amounts, seed: int) -> Texts:
    """Return what else is said.

    Args:
        phrases: that the voices can say.
        amounts: how much is made.
        seed: of what is drawn.
    """
    words = tuple(word for word in common_words() if not says_keyword(word, phrases))
    found = confusables_of(phrases, words)
    confusables = tuple(each.text for each in found if not each.says_keyword)
    taken = {*phrases, *confusables}
    swapped = _swapped(phrases, words, amounts.n_swapped, taken, seed)
    taken |= set(swapped)
    order = generator(seed, "words").permutation(len(words))
    others = [words[index] for index in order if words[index] not in taken]
    return Texts(confusables, swapped, tuple(sorted(others[: amounts.n_words])))


def _swapped(
    phrases: Sequence[str], words: Sequence[str], n_wanted: int, taken: set[str], seed: int
) -> tuple[str, ...]:
    """Return phrases of several words in which one is another word: "hey table", "small lamp"."""
    rng = generator(seed, "swapped")
    found: dict[str, None] = {}
    of_several = [phrase.split() for phrase in phrases if " " in phrase]
    n_tries = 0
    while of_several and len(found) < n_wanted and n_tries < 20 * n_wanted:
        n_tries += 1
        parts = list(of_several[int(rng.integers(len(of_several)))])
        parts[int(rng.integers(len(parts)))] = words[int(rng.integers(len(words)))]
        text = " ".join(parts)
        if text not in taken and can_say(text) and not says_keyword(text, phrases):
            found.setdefault(text)
    return tuple(found)
