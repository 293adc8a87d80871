"""Words to say: a list of everyday English words, a user's list, or a file of them."""

from __future__ import annotations

import csv
import functools
import importlib.resources
from pathlib import Path

from open_seq2seq.data.words import as_word, is_storable
from open_seq2seq.errors import UserError, shown
from open_seq2seq.system.files import check_text


@functools.cache
def common_words() -> tuple[str, ...]:
    """Return the shipped list: hundreds of everyday English words, and a few phrases."""
    text = importlib.resources.files(__package__).joinpath("common_words.txt").read_text("utf-8")
    return tuple(text.splitlines())


def read_vocabulary(text: str) -> tuple[str, ...]:
    """Read the words of a file, a line each, or those with commas between them.

    A word that appears twice counts once.

    Args:
        text: the path of a file, or words such as ``cat,dog,hey lamp``.

    Raises:
        UserError: the file cannot be read, or there is no word.
    """
    path = Path(text).expanduser()
    is_file = path.suffix == ".txt" or "/" in text or path.is_file()
    words = _read_lines(path) if is_file else split_words(text, "--vocabulary")
    spelled = dict.fromkeys(word for word in map(as_word, words) if word)
    if not spelled:
        raise UserError(
            f"--vocabulary {shown(text)}: no words; expected words such as cat,dog, or a file with "
            "a word or phrase per line"
        )
    unstorable = [word for word in spelled if not is_storable(word)]
    if unstorable:
        raise UserError(
            f"--vocabulary: {shown(unstorable[0])} cannot be in a manifest; write plain text"
        )
    return tuple(spelled)


def split_words(text: str, flag: str) -> list[str]:
    """Return the words or phrases of a list with commas, each as `as_word` spells it.

    Raises:
        UserError: a quote is not closed, or there is a line break; the message names ``flag``.
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:
        raise UserError(
            f"{flag} {shown(text)}: expected words with one comma between them, such as cat,dog, "
            "and one that has a comma itself in double quotes"
        ) from None
    return [as_word(word) for row in rows for word in row]


def _read_lines(path: Path) -> list[str]:
    try:
        check_text(path)
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--vocabulary {path}: cannot read the file ({reason}); expected UTF-8 text with a "
            "word or phrase per line, or words with commas between them"
        ) from None
