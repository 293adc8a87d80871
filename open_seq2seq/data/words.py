"""Words as labels: one spelling for each word, and which names a file can hold."""

from __future__ import annotations

import unicodedata


def as_word(name: str) -> str:
    """Return the word that ``name`` spells: in Unicode form NFC, without spaces around it.

    A disk of macOS writes names in form NFD, a keyboard in NFC; both look the same. A labels file
    keeps no spaces around a label.
    """
    return unicodedata.normalize("NFC", name).strip()


def is_storable(name: str) -> bool:
    """Tell whether a line of text can hold ``name``: it is not empty and has no control character.

    Spaces of all kinds, joiners and marks are fine; `str.isprintable` would refuse them. So are
    bytes that are not UTF-8, as the names of files have them.
    """
    return bool(name) and not any(map(_breaks_lines, name))


def _breaks_lines(char: str) -> bool:
    category = unicodedata.category(char)
    return category == "Cc" or (category == "Cs" and not "\udc80" <= char <= "\udcff")
