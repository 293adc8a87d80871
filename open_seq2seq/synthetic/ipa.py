"""Sounds of any language as the nearest English phonemes, so that they can be compared.

`phoneme_distance` knows espeak-ng's names of English phonemes. What an English ear would take for
the same, such as the r of Spanish and that of French, gets one name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_CONSONANTS = {
    **dict.fromkeys("pb", None),  # as they are
    **dict.fromkeys("mfvwtdnszljkxh", None),
    **{"ɡ": "g", "ŋ": "N", "ɲ": "n", "ɳ": "n", "ɴ": "N", "ʃ": "S", "ʂ": "S", "ɕ": "S", "ç": "S"},
    **{"ʒ": "Z", "ʐ": "Z", "ʑ": "Z", "θ": "T", "ð": "D", "ɫ": "l", "ɭ": "l", "ʎ": "l", "ɬ": "l"},
    **{"ɹ": "r", "ɾ": "r", "ɽ": "r", "ɻ": "r", "ʁ": "r", "ʀ": "r", "r": "r", "ɖ": "d", "ʈ": "t"},
    **{"q": "k", "c": "k", "ɟ": "g", "ɢ": "g", "ɣ": "g", "χ": "x", "ħ": "h", "ɦ": "h", "β": "b"},
    **{"ʋ": "v", "ɸ": "f", "ɥ": "j", "ɰ": "w", "ɱ": "m", "ʔ": "", "ʕ": ""},
}
_VOWELS = {
    **{"i": "i:", "y": "i:", "ɪ": "I", "ʏ": "I", "e": "E", "ɛ": "E", "ø": "3:", "œ": "3:"},
    **{"æ": "a", "a": "a", "ɑ": "A:", "ɒ": "0", "ɔ": "O:", "o": "O:", "ɤ": "V", "ʊ": "U"},
    **{"u": "u:", "ɯ": "U", "ʉ": "u:", "ɨ": "I", "ʌ": "V", "ɐ": "V", "ə": "@", "ɘ": "@"},
    **{"ɜ": "@", "ɵ": "@", "ɚ": "3:", "ɝ": "3:", "ᵻ": "I"},
}
_NAMES = {**{key: key if name is None else name for key, name in _CONSONANTS.items()}, **_VOWELS}
_AFFRICATES = {("t", "S"): "tS", ("d", "Z"): "dZ"}
# two vowels in a row that English says as one phoneme, and vowels before a glide
_DIPHTHONGS = {
    (first, second): diphthong
    for firsts, seconds, diphthong in (
        (("E",), ("I", "i:", "j"), "eI"),
        (("a", "A:", "V"), ("I", "i:", "j"), "aI"),
        (("O:", "0"), ("I", "i:", "j"), "OI"),
        (("a", "A:", "V"), ("U", "u:", "w"), "aU"),
        (("O:", "0", "@"), ("U", "u:", "w"), "oU"),
    )
    for first in firsts
    for second in seconds
}


def english_phonemes(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return the phonemes of a word, by `phoneme_distance`'s names.

    Stress, length, tone and other marks are passed over, and a double consonant is one.

    Args:
        tokens: of the International Phonetic Alphabet, "tʃ" or "ˈaʊ".
    """
    phonemes: list[str] = []
    for token in tokens:
        for char in unicodedata.normalize("NFD", token):
            name = _NAMES.get(char)
            if not name:
                continue
            pair = (phonemes[-1] if phonemes else "", name)
            joined = _AFFRICATES.get(pair) or _DIPHTHONGS.get(pair)
            if joined:
                phonemes[-1] = joined
            elif pair[0] != name:
                phonemes.append(name)
    return tuple(phonemes)
