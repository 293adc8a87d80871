"""English sentences of a small grammar: templates, with words of everyday lists in them."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Callable, Mapping

import numpy as np

_START = "s"
_HOLE = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\ba(?= [aeiou])")  # of the lists no word begins with an h that is silent
_MOST_DEEP = 8  # of alternatives within alternatives

Grammar = Mapping[str, tuple[str, ...]]  # name -> alternatives, in which {name} is a hole


@functools.cache
def grammar() -> Grammar:
    """Return the shipped grammar."""
    text = importlib.resources.files(__package__).joinpath("grammar.txt").read_text("utf-8")
    rules: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, _, alternatives = line.partition(": ")
        rules[name] = (*rules.get(name, ()), *alternatives.split("|"))
    return rules


def allowed_grammar(rules: Grammar, is_allowed: Callable[[str], bool]) -> Grammar:
    """Return ``rules`` without what cannot be said.

    Left out are alternatives whose own words are not allowed, and those with a hole for which
    nothing is left.

    Args:
        rules: the grammar.
        is_allowed: tells it of some words in a row.
    """
    kept = {
        name: tuple(text for text in texts if all(map(is_allowed, _own_words(text))))
        for name, texts in rules.items()
    }
    while True:
        empty = {name for name, texts in kept.items() if not texts}
        fewer = {
            name: tuple(text for text in texts if empty.isdisjoint(_HOLE.findall(text)))
            for name, texts in kept.items()
        }
        if fewer == kept:
            return kept
        kept = fewer


def draw_sentence(rules: Grammar, rng: np.random.Generator) -> str:
    """Return a sentence, with every hole filled.

    Raises:
        ValueError: the grammar has no sentence.
    """
    templates = rules[_START]
    if not templates:
        raise ValueError("the grammar has no sentence")
    text = templates[int(rng.integers(len(templates)))]

    def fill(hole: re.Match[str]) -> str:
        choices = rules[hole[1]]
        return choices[int(rng.integers(len(choices)))]

    for _ in range(_MOST_DEEP):
        text, n_filled = _HOLE.subn(fill, text)
        if not n_filled:
            break
    return _ARTICLE.sub("an", text)


def _own_words(text: str) -> list[str]:
    """Return what stands between the holes of an alternative."""
    parts = re.split(r"\{\w+\}|[,.:?!]", text)
    return [part.strip() for part in parts if re.search(r"\w", part)]
