"""Scan a Speech Commands folder: one folder per word, one file per utterance."""

from __future__ import annotations

import difflib
import logging
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, SILENCE, UNKNOWN, words_of
from open_seq2seq.data.official_split import speaker_of
from open_seq2seq.errors import UserError

AUDIO_SUFFIXES = (".wav", ".flac")
_MAX_LISTED = 5  # names in a message; the rest are only counted

logger = logging.getLogger(__name__)


def scan_clips(data_dir: Path) -> pd.DataFrame:
    """List every clip ``data_dir/<word>/<speaker>_nohash_<n>.wav`` (or ``.flac``).

    The speaker of a file name without ``_nohash_`` is the whole name. Other files are skipped and
    counted in a warning.

    Returns:
        a table sorted by path, with columns ``word``, ``speaker``, ``path`` (relative to
        ``data_dir``, with slashes) and ``n_bytes``.

    Raises:
        UserError: the folder is missing or has no clips.
    """
    remedy = (
        "--download fetches the published archive there, "
        "open-seq2seq-synthesize makes synthetic clips"
    )
    if not data_dir.is_dir():
        raise UserError(f"--data_dir {data_dir}: no such folder; {remedy}")
    rows, n_skipped = [], Counter[str]()
    for folder in filter(_is_word_folder, _entries(data_dir)):
        clips, others = _clips_of_word(folder)
        if clips and not _is_printable(folder.name):
            n_skipped["in folders with unprintable names"] += len(clips)
        elif clips:  # a folder without clips is no word; the manifests may be in it
            rows += clips
            n_skipped += others
    if not rows:
        raise UserError(
            f"--data_dir {data_dir}: no clips; expected <word>/<speaker>_nohash_<n>.wav in it; "
            f"{remedy}"
        )
    if n_skipped:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(n_skipped.items()))
        logger.warning("%s: skipped files: %s", data_dir, reasons)
    return pd.DataFrame(rows, columns=["word", "speaker", "path", "n_bytes"])


def has_clips(data_dir: Path) -> bool:
    """Tell whether ``data_dir`` is a folder with at least one clip in it."""
    if not data_dir.is_dir():
        return False
    return any(_clips_of_word(folder)[0] for folder in filter(_is_word_folder, _entries(data_dir)))


def select_words(clips: pd.DataFrame, version: str, labels: tuple[str, ...]) -> pd.DataFrame:
    """Keep the clips that ``version`` uses, and add their labels.

    The label of a keyword's clips is the keyword's index. If the labels include unknown, it is the
    label of the other words: those of the version's release, or with custom keywords all others.

    Args:
        clips: a table with columns ``word``, ``path`` and ``n_bytes``.
        version: one of `DATASET_VERSIONS`.
        labels: the names of the labels in index order.

    Returns:
        the clips kept, with a new column ``label``.

    Raises:
        UserError: a keyword or unknown has no clips, or a clip is an empty file.
    """
    keywords = keywords_of(labels)
    words = set(clips["word"])
    _refuse_missing(keywords, words, version)
    index = {word: i for i, word in enumerate(labels) if word in keywords}
    if UNKNOWN in labels:
        others = words - {SILENCE} - set(keywords)
        if version != CUSTOM_VERSION:
            others &= set(words_of(version))
        if not others:
            raise UserError(
                f"no clips for label {UNKNOWN!r}: every word with clips is a keyword; "
                "add folders of other words, or name fewer words with --keywords"
            )
        index |= dict.fromkeys(others, labels.index(UNKNOWN))
    unused = words - set(index)
    if unused:
        logger.info("words that %s does not use: %s", version, listed(sorted(unused)))
    selected = clips[clips["word"].isin(index)]
    empty = selected.loc[selected["n_bytes"] == 0, "path"]
    if len(empty):
        raise UserError(
            f"clips that are empty files: {listed(empty)}; the copy is probably incomplete: copy "
            "or unpack the dataset again, or delete these files (find DATA_DIR -size 0 -delete)"
        )
    return selected.assign(label=selected["word"].map(index).astype(int))


def keywords_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that are words: all but unknown and silence."""
    return tuple(label for label in labels if label not in (UNKNOWN, SILENCE))


def listed(names: Iterable[str]) -> str:
    """Join the first few names and count the rest."""
    names = list(names)
    text = ", ".join(names[:_MAX_LISTED])
    n_more = len(names) - _MAX_LISTED
    return f"{text} and {n_more} more" if n_more > 0 else text


def _refuse_missing(keywords: tuple[str, ...], words: set[str], version: str) -> None:
    """Raise a `UserError` if keywords are not among the ``words`` that have clips."""
    missing = [word for word in keywords if word not in words]
    if not missing:
        return
    if version != CUSTOM_VERSION:
        raise UserError(
            f"--dataset_version {version}: no clips for {', '.join(missing)}; the version needs "
            f"clips of each of its {len(keywords)} words: complete the dataset, or name the words "
            "that have clips with --keywords"
        )
    problems = []
    for word in missing:
        problem = f"{word!r} has no folder with clips"
        close = difflib.get_close_matches(word.lower(), sorted(words), n=1)
        if close:
            problem += f", did you mean {close[0]!r}?"
        problems.append(problem)
    raise UserError(
        f"--keywords: {'; '.join(problems)}; words with clips are {', '.join(sorted(words))}"
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot read the folder ({error.strerror})") from None


def _is_word_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a word's folder; hidden ones and `_background_noise_` are not."""
    return entry.is_dir() and not entry.name.startswith((".", "_"))


def _is_printable(name: str) -> bool:
    """Tell whether a name can be printed; bytes that are not UTF-8 can, escaped."""
    return all(char.isprintable() or "\udc80" <= char <= "\udcff" for char in name)


def _clips_of_word(
    folder: os.DirEntry[str],
) -> tuple[list[tuple[str, str, str, int]], Counter[str]]:
    """Return (word, speaker, path, n_bytes) of each clip, and the number of other files by kind."""
    rows: dict[str, tuple[str, str, str, int]] = {}
    n_skipped = Counter[str]()
    for entry in reversed(_entries(Path(folder.path))):  # .wav before .flac
        stem, suffix = os.path.splitext(entry.name)
        if entry.name.startswith("."):
            n_skipped["hidden"] += 1
        elif not _is_printable(entry.name):
            n_skipped["with unprintable names"] += 1
        elif suffix.lower() not in AUDIO_SUFFIXES:
            n_skipped["not .wav or .flac"] += 1
        elif not entry.is_file():
            n_skipped["not files"] += 1
        elif stem in rows:  # one clip in two formats would count twice, and could be in two splits
            n_skipped["duplicates in the other format"] += 1
        else:
            path = f"{folder.name}/{entry.name}"
            rows[stem] = (folder.name, speaker_of(stem), path, entry.stat().st_size)
    return list(reversed(rows.values())), n_skipped
