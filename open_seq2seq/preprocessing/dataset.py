"""The clips of a dataset as a table, and the selection of those that a version uses."""

from __future__ import annotations

import difflib
import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import NoReturn

import pandas as pd

from open_seq2seq.data.audio_files import TOO_DEEP
from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, SILENCE, UNKNOWN, words_of
from open_seq2seq.errors import UserError, counted, listed, named
from open_seq2seq.preprocessing.layout import NOISE_FOLDER
from open_seq2seq.preprocessing.speakers import speaker_in
from open_seq2seq.preprocessing.word_folders import OUTSIDE, Contents, left_out_lines, read_folder

_WITHOUT_DATA = (
    "put recordings there, a folder per word; or --download fetches the published archive, and "
    "open-seq2seq-synthesize makes synthetic clips"
)

logger = logging.getLogger(__name__)


def scan_clips(data_dir: Path, speakers: re.Pattern[str] | None = None) -> pd.DataFrame:
    """List every clip ``data_dir/<word>/<name>``, and say which files are left out.

    Folders whose names differ in their Unicode form, or in spaces around the word, are one word.

    Args:
        data_dir: with a folder of audio files per word.
        speakers: finds the speaker in the name of a file, see `speaker_in`.

    Returns:
        a table sorted by path, with columns ``word``, ``speaker`` (``path`` where the name tells
        none), ``path`` (relative to ``data_dir``, with slashes) and ``n_bytes``.

    Raises:
        UserError: the folder is missing, cannot be read or has no clips.
    """
    if not data_dir.is_dir():
        raise UserError(f"--data_dir {data_dir}: no such folder; {_WITHOUT_DATA}")
    contents = read_folder(data_dir)
    if not contents.clips:
        _refuse_no_clips(data_dir, contents)
    _tell_of_left_out(data_dir, contents)
    rows = [
        (clip.word, speaker_in(clip.path, speakers), clip.path, clip.n_bytes)
        for clip in contents.clips
    ]
    clips = pd.DataFrame(rows, columns=["word", "speaker", "path", "n_bytes"])
    _tell_of_similar_words(clips)
    return clips


def has_clips(data_dir: Path) -> bool:
    """Tell whether ``data_dir`` is a folder with at least one clip in it."""
    return data_dir.is_dir() and bool(read_folder(data_dir).clips)


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
            remedy = (
                "add folders of other words, name fewer words with --keywords, or leave the label "
                "out with --no_unknown"
            )
            if version != CUSTOM_VERSION:
                own = ",".join(keywords)
                remedy = f"complete the dataset, or say --keywords={own} --no_unknown instead"
            raise UserError(
                f"no clips for label {UNKNOWN!r}: every word with clips is a keyword; {remedy}"
            )
        index |= dict.fromkeys(others, labels.index(UNKNOWN))
    unused = words - set(index)
    if SILENCE in unused and SILENCE in labels:
        unused.remove(SILENCE)
        logger.warning(
            "%s of your own in %r are not used, label %r is cut from noise; move them to %s if "
            "they are at least 1 s long",
            counted(int((clips["word"] == SILENCE).sum()), "clip"),
            SILENCE,
            SILENCE,
            NOISE_FOLDER,
        )
    if unused:
        logger.info("words that %s does not use: %s", version, named(sorted(unused)))
    selected = clips[clips["word"].isin(index)]
    empty = selected.loc[selected["n_bytes"] == 0, "path"]
    if len(empty):
        raise UserError(
            f"clips that are empty files: {named(empty)}; the copy is probably incomplete: copy "
            "them again, or delete them"
        )
    return selected.assign(label=selected["word"].map(index).astype(int))


def keywords_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that are words: all but unknown and silence."""
    return tuple(label for label in labels if label not in (UNKNOWN, SILENCE))


def _refuse_no_clips(data_dir: Path, contents: Contents) -> NoReturn:
    remedy = _WITHOUT_DATA
    if deep := contents.left_out[TOO_DEEP]:
        remedy = f"did you mean --data_dir={data_dir / deep[0].partition('/')[0]}?"
    elif contents.left_out[OUTSIDE]:
        remedy = f"make a folder for each word, or did you mean --data_dir={data_dir.parent}?"
    if lines := left_out_lines(contents.left_out):
        remedy += f" Left out are:{listed(lines)}"
    raise UserError(
        f"--data_dir {data_dir}: no clips; expected <word>/<speaker>_nohash_<n>.wav, or other "
        f"audio files in a folder per word; {remedy}"
    )


def _tell_of_left_out(data_dir: Path, contents: Contents) -> None:
    if lines := left_out_lines(contents.left_out):
        logger.warning("%s: skipped files that are not clips:%s", data_dir, listed(lines))
    for reason, folders in (
        ("folders that the preprocessing wrote are no words", contents.written),
        ("folders without audio files are no words", contents.without_audio),
    ):
        if folders:
            logger.info("%s: %s: %s", data_dir, reason, named(folders, 30))


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
    if any("," in word for word in words):
        problems.append("a word with a comma stands in double quotes")
    known = [f'"{word}"' if "," in word else word for word in sorted(words)]
    raise UserError(f"--keywords: {'; '.join(problems)}; words with clips are {named(known, 50)}")


def _tell_of_similar_words(clips: pd.DataFrame) -> None:
    """Name the folders that are taken for one word, and words that differ in case alone."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for word, path in zip(clips["word"], clips["path"], strict=True):
        spellings[word].add(path.partition("/")[0])
    for word, folders in spellings.items():
        if folders != {word}:
            logger.info(
                "word %r: the folders %s are this word",
                word,
                ", ".join(ascii(folder) for folder in sorted(folders)),
            )
    by_letters: dict[str, list[str]] = defaultdict(list)
    for word in spellings:
        by_letters[word.casefold()].append(word)
    for words in by_letters.values():
        if len(words) > 1:
            logger.warning(
                "words that differ in case alone are different words: %s; "
                "put their clips into one folder if they are the same",
                named(words),
            )
