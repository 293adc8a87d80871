"""How far apart two pronunciations are: an edit distance in which near phonemes cost less.

An inserted or a dropped phoneme costs 1. A substitution costs a third for each feature that
differs, and 1 at most: place, manner and voicing of consonants; height, backness and glide of
vowels. So "top" and "stop" are 1 apart, "bed" and "bet" 1/3, "three" and "tree" 2/3.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

# Below this two pronunciations are one to a listener who does not know the speaker's accent.
SAME = 1 / 3 - 1e-6

_STRESS = "',%=_"
_MERGED = {  # allophones and spellings of espeak-ng's English voices -> phonemes
    **{"t2": ("t",), "t#": ("t",), "?": ("t",), "n-": ("@", "n"), "w#": ("w",), "l#": ("l",)},
    **{"@L": ("@", "l"), "@-": ("@",), "a#": ("@",), "I2": ("I",), "I#": ("I",), ";": ()},
    **{"aI2": ("aI",), "aI3": ("aI", "3"), "aI@": ("aI", "@"), "aU@": ("aU", "@"), "i": ("i:",)},
    **{"IR": ("3:",), "VR": ("3:",), "r-": ("r",), "R2": ("r",)},
}

_CONSONANTS = {  # place, manner, voicing
    **{"p": ("labial", "stop", 0), "b": ("labial", "stop", 1), "m": ("labial", "nasal", 1)},
    **{"f": ("labial", "fricative", 0), "v": ("labial", "fricative", 1)},
    **{"w": ("labial", "glide", 1), "T": ("dental", "fricative", 0)},
    **{"D": ("dental", "fricative", 1), "t[": ("dental", "stop", 0), "d[": ("dental", "stop", 1)},
    **{"t": ("alveolar", "stop", 0), "d": ("alveolar", "stop", 1), "n": ("alveolar", "nasal", 1)},
    **{"s": ("alveolar", "fricative", 0), "z": ("alveolar", "fricative", 1)},
    **{"l": ("alveolar", "lateral", 1), "r": ("alveolar", "glide", 1)},
    **{"S": ("palatal", "fricative", 0), "Z": ("palatal", "fricative", 1)},
    **{"tS": ("palatal", "affricate", 0), "dZ": ("palatal", "affricate", 1)},
    **{"j": ("palatal", "glide", 1), "k": ("velar", "stop", 0), "g": ("velar", "stop", 1)},
    **{
        "N": ("velar", "nasal", 1),
        "x": ("velar", "fricative", 0),
        "h": ("glottal", "fricative", 0),
    },
}

_VOWELS = {  # height from open to close, backness from front to back, where it glides to
    **{"i:": (3, 0, ""), "I": (2, 0, ""), "E": (1, 0, ""), "a": (0, 0, ""), "A:": (0, 2, "")},
    **{"0": (0, 2, ""), "O2": (0.5, 2, ""), "O:": (1, 2, ""), "O": (1, 2, ""), "U": (2, 2, "")},
    **{"u:": (3, 2, ""), "V": (1, 1, ""), "@": (1.5, 1, ""), "3": (1.5, 1, "r")},
    **{"3:": (1.5, 1, "r"), "A@": (0, 2, "r"), "O@": (1, 2, "r"), "o@": (1, 2, "r")},
    **{"e@": (1, 0, "r"), "i@3": (2.5, 0, "r"), "i@": (2.5, 0, "r"), "U@": (2.5, 2, "r")},
    **{"eI": (1, 0, "y"), "aI": (0, 1, "y"), "OI": (1, 2, "y"), "aU": (0, 1, "w")},
    **{"oU": (1, 2, "w"), "aa": (0, 1, "")},
}

# "bath" has the vowel of "trap" in one accent and that of "palm" in another
_ONE_OR_THE_OTHER = {frozenset(("aa", "a")), frozenset(("aa", "A:")), frozenset(("aa", "0"))}

CONSONANTS, VOWELS = tuple(_CONSONANTS), tuple(_VOWELS)


class Token(NamedTuple):
    """A phoneme as espeak-ng writes it, apart from its stress mark."""

    stress: str
    name: str

    def __str__(self) -> str:
        return self.stress + self.name


def as_token(text: str) -> Token:
    """Take the stress mark off a phoneme, ``'0`` -> ``'`` and ``0``."""
    name = text.lstrip(_STRESS + ":")
    return Token(text[: len(text) - len(name)].strip("_:"), name)


def phonemes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return espeak-ng's phonemes without stress marks, with one name for all allophones."""
    return tuple(phoneme for name in names for phoneme in _MERGED.get(name, (name,)))


def is_vowel(name: str) -> bool:
    """Tell whether a phoneme, as espeak-ng writes it, is a vowel, or has one in it."""
    return any(phoneme in _VOWELS for phoneme in phonemes_of([name]))


@functools.cache
def substitution_cost(one: str, other: str) -> float:
    """Return the cost, 0 to 1, of one phoneme for another one."""
    if one == other or frozenset((one, other)) in _ONE_OR_THE_OTHER:
        return 0.0
    if one in _CONSONANTS and other in _CONSONANTS:
        pairs = zip(_CONSONANTS[one], _CONSONANTS[other], strict=True)
        return sum(a != b for a, b in pairs) / 3
    if one in _VOWELS and other in _VOWELS:
        (height, backness, glide), (other_height, other_backness, other_glide) = (
            _VOWELS[one],
            _VOWELS[other],
        )
        steps = abs(height - other_height) + abs(backness - other_backness)
        return min(1.0, (steps + (glide != other_glide)) / 3)
    return 1.0


@functools.lru_cache(maxsize=1 << 16)
def distance(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the smallest cost of the edits that make ``other`` of ``one``."""
    costs = [float(n) for n in range(len(other) + 1)]
    for n_done, phoneme in enumerate(one, start=1):
        diagonal, costs[0] = costs[0], float(n_done)
        for i, wanted in enumerate(other, start=1):
            replaced = diagonal + substitution_cost(phoneme, wanted)
            diagonal = costs[i]
            costs[i] = min(replaced, costs[i] + 1.0, costs[i - 1] + 1.0)
    return costs[-1]
