"""Words as labels: one spelling for each word, and which names a file can hold."""

from __future__ import annotations

import functools
import unicodedata
from importlib import metadata


def as_word(name: str) -> str:
    """Return the word that ``name`` spells: in Unicode form NFC, without spaces around it.

    A disk of macOS writes names in form NFD, a keyboard in NFC; both look the same. A labels file
    keeps no spaces around a label.
    """
    return unicodedata.normalize("NFC", name).strip()


def is_storable(name: str) -> bool:
    """Tell whether manifests and labels files can hold ``name``.

    It is not empty and has no control character. Spaces of all kinds, joiners and marks are fine;
    `str.isprintable` would refuse them. So are bytes that are not UTF-8, as the names of files have
    them, where pandas can tell them apart.
    """
    return bool(name) and all(map(_is_kept, name))


def _is_kept(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Cs":
        return "\udc80" <= char <= "\udcff" and _pandas_knows_bytes()
    return category != "Cc"


@functools.cache
def _pandas_knows_bytes() -> bool:
    """Tell whether pandas is 3.0 or later: before, all names that are not UTF-8 are one to it."""
    return int(metadata.version("pandas").partition(".")[0]) >= 3
