"""Find the clips of a Speech Commands folder: one folder per word, one file per utterance."""

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
_SHOWN = 5  # how many names a message lists before it counts the rest

log = logging.getLogger(__name__)


def scan_clips(data_dir: Path) -> pd.DataFrame:
    """List every clip ``data_dir/<word>/<speaker>_nohash_<n>.wav`` (or ``.flac``).

    A file name without ``_nohash_`` is its own speaker. What is no clip is passed over and counted
    in a warning.

    Returns:
        a table in order of path with columns ``word``, ``speaker``, ``path`` (relative to
        ``data_dir``, with slashes) and ``n_bytes``.

    Raises:
        UserError: the folder is missing or holds no clips.
    """
    remedy = (
        "--download fetches the published archive there, "
        "open-seq2seq-synthesize makes synthetic clips"
    )
    if not data_dir.is_dir():
        raise UserError(f"--data_dir {data_dir}: no such folder; {remedy}")
    rows, passed_over = [], Counter[str]()
    for folder in filter(_is_word_folder, _listed(data_dir)):
        clips, others = _clips_of_word(folder)
        if clips:  # a folder without clips is no word: the manifests perhaps
            rows += clips
            passed_over += others
    if not rows:
        raise UserError(
            f"--data_dir {data_dir}: holds no clips, expected <word>/<speaker>_nohash_<n>.wav in it; {remedy}"
        )
    if passed_over:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(passed_over.items()))
        log.warning("%s: passed over files that are no clips: %s", data_dir, reasons)
    return pd.DataFrame(rows, columns=["word", "speaker", "path", "n_bytes"])


def has_clips(data_dir: Path) -> bool:
    """Tell whether ``data_dir`` is a folder with at least one clip in it."""
    if not data_dir.is_dir():
        return False
    return any(_clips_of_word(folder)[0] for folder in filter(_is_word_folder, _listed(data_dir)))


def select_words(clips: pd.DataFrame, version: str, labels: tuple[str, ...]) -> pd.DataFrame:
    """Keep the clips that ``version`` uses and give each its label.

    The clips of a keyword carry the keyword's index. Where the labels include unknown, the other
    words carry that: the words of the version's release, or, for the user's own keywords, every
    word there is.

    Args:
        clips: a table with the column ``word``.
        version: one of `DATASET_VERSIONS`.
        labels: the names of the labels in index order.

    Returns:
        the clips kept, with a new column ``label``.

    Raises:
        UserError: a keyword has no clips, nothing is left for unknown, or a clip is an empty file.
    """
    keywords = keywords_of(labels)
    found = set(clips["word"])
    _refuse_missing(keywords, found, version)
    index = {word: i for i, word in enumerate(labels) if word in keywords}
    if UNKNOWN in labels:
        usable = (found if version == CUSTOM_VERSION else found & set(words_of(version))) - {
            SILENCE
        }
        others = usable - set(keywords)
        if not others:
            raise UserError(
                f"no clips for label {UNKNOWN!r}: every word with clips is a keyword; "
                "add folders of other words, or name fewer words with --keywords"
            )
        index |= dict.fromkeys(others, labels.index(UNKNOWN))
    unused = found - set(index)
    if unused:
        log.info("words that %s does not use: %s", version, listed(sorted(unused)))
    chosen = clips[clips["word"].isin(index)]
    empty = chosen.loc[chosen["n_bytes"] == 0, "path"]
    if len(empty):
        raise UserError(
            f"clips that are empty files: {listed(empty)}; the copy was probably cut short: copy or unpack the "
            "dataset again, or delete these files (find DATA_DIR -size 0 -delete)"
        )
    return chosen.assign(label=chosen["word"].map(index).astype(int))


def keywords_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that are words: all but unknown and silence."""
    return tuple(label for label in labels if label not in (UNKNOWN, SILENCE))


def listed(names: Iterable[str]) -> str:
    """Join the first few names and count the rest."""
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _refuse_missing(keywords: tuple[str, ...], found: set[str], version: str) -> None:
    missing = [word for word in keywords if word not in found]
    if not missing:
        return
    if version != CUSTOM_VERSION:
        raise UserError(
            f"--dataset_version {version}: no clips for {', '.join(missing)}; the version needs clips of each of its "
            f"{len(keywords)} words: complete the dataset, or name the words there are with --keywords"
        )
    hints = []
    for word in missing:
        close = difflib.get_close_matches(word.lower(), sorted(found), n=1)
        hints.append(
            f"{word!r} has no folder with clips"
            + (f", did you mean {close[0]!r}?" if close else "")
        )
    raise UserError(
        f"--keywords: {'; '.join(hints)}; words with clips are {', '.join(sorted(found))}"
    )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot read the folder ({error.strerror})") from None


def _is_word_folder(entry: os.DirEntry[str]) -> bool:
    """Words are folders that are neither hidden nor, as `_background_noise_` is, marked as
    something else.
    """
    return entry.is_dir() and not entry.name.startswith((".", "_")) and entry.name.isprintable()


def _clips_of_word(
    folder: os.DirEntry[str],
) -> tuple[list[tuple[str, str, str, int]], Counter[str]]:
    """Return (word, speaker, path, n_bytes) for each clip in a word's folder, and by reason how
    many files are none.
    """
    rows: dict[str, tuple[str, str, str, int]] = {}
    passed_over = Counter[str]()
    for entry in reversed(_listed(Path(folder.path))):  # .wav comes before .flac
        stem, suffix = os.path.splitext(entry.name)
        if entry.name.startswith("."):
            passed_over["hidden"] += 1
        elif (
            not entry.name.isprintable()
        ):  # bytes that are not UTF-8, or a line break: no row of a CSV file
            passed_over["with unprintable names"] += 1
        elif suffix.lower() not in AUDIO_SUFFIXES:
            passed_over["not .wav or .flac"] += 1
        elif not entry.is_file():
            passed_over["not files"] += 1
        elif stem in rows:  # the same clip twice would count twice, and could land in two splits
            passed_over["beside the same clip in the other format"] += 1
        else:
            rows[stem] = (
                folder.name,
                speaker_of(stem),
                f"{folder.name}/{entry.name}",
                entry.stat().st_size,
            )
    return list(reversed(rows.values())), passed_over
