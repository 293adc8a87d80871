"""Find the words of a dataset: a folder per word, a file per utterance; and what is left out."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from open_seq2seq.data.audio_files import (
    AUDIO_SUFFIXES,
    FOREIGN,
    TOO_DEEP,
    LeftOut,
    audio_in,
    is_folder,
    list_audio,
    list_entries,
)
from open_seq2seq.data.words import as_word, is_storable
from open_seq2seq.errors import UserError, named
from open_seq2seq.preprocessing.layout import NOISE_FOLDER, is_written_folder

_NO_WORD = "in folders that are no words, as their names begin with _ or .; rename the folders"
_NO_LABEL = "in folders whose names no labels file can hold; rename the folders in plain UTF-8"
_NO_ROW = "with names that no manifest can hold; rename them in plain UTF-8"
OUTSIDE = "outside a word's folder; move them into one"
_SECOND_FORMAT = "duplicates in the other format; rename those that are other recordings"


class Clip(NamedTuple):
    """A file of a word; ``path`` is relative to the dataset, with slashes."""

    word: str
    path: str
    n_bytes: int


class Contents(NamedTuple):
    """What is in a dataset's folder."""

    clips: list[Clip]  # sorted by folder and name
    left_out: LeftOut
    written: list[str]  # folders that the preprocessing wrote
    without_audio: list[str]  # other folders in which nothing is like audio


def read_folder(data_dir: Path) -> Contents:
    """Find all clips ``data_dir/<word>/<name>``, and everything like audio that is none.

    Raises:
        UserError: the folder, or a word's, cannot be read.
    """
    try:
        return _read_folder(data_dir)
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot read it ({error.strerror}); make it readable, or take it out"
        ) from None


def left_out_lines(left_out: LeftOut) -> list[str]:
    """Return a line for each reason: the number of files, and their names or folders."""
    return [
        f"{len(paths):,} {reason}: {_by_folder(paths)}"
        for reason, paths in sorted(left_out.items())
        if paths
    ]


def _read_folder(data_dir: Path) -> Contents:
    contents = Contents([], defaultdict(list), [], [])
    for entry in list_entries(data_dir):
        if not is_folder(entry):
            is_audio = os.path.splitext(entry.name)[1].lower() in AUDIO_SUFFIXES
            if is_audio and not entry.name.startswith("."):
                contents.left_out[OUTSIDE].append(entry.name)
        elif is_written_folder(entry.name):
            contents.written.append(entry.name)
        elif entry.name.startswith(("_", ".")):
            if entry.name != NOISE_FOLDER:
                contents.left_out[_NO_WORD] += audio_in(entry.path, entry.name)
        elif not is_storable(as_word(entry.name)):
            contents.left_out[_NO_LABEL] += audio_in(entry.path, entry.name) or [f"{entry.name}/"]
        else:
            _add_word(contents, entry)
    return contents


def _add_word(contents: Contents, folder: os.DirEntry[str]) -> None:
    """Add the clips of a word's folder to ``contents``, and what is left out of it."""
    listing = list_audio(folder.path)
    left_out: LeftOut = defaultdict(list, listing.left_out)
    by_stem: dict[str, list[os.DirEntry[str]]] = defaultdict(list)
    for entry in listing.audio:
        if is_storable(entry.name):
            by_stem[os.path.splitext(entry.name)[0]].append(entry)
        else:
            left_out[_NO_ROW].append(entry.name)
    used = []
    for entries in by_stem.values():
        # one clip in two formats would count twice, and could be in two splits
        first = min(map(_preference, entries))
        used += [entry for entry in entries if _preference(entry) == first]
        left_out[_SECOND_FORMAT] += [entry.name for entry in entries if _preference(entry) > first]
    word = as_word(folder.name)
    contents.clips.extend(
        Clip(word, f"{folder.name}/{entry.name}", entry.stat().st_size)
        for entry in sorted(used, key=lambda entry: entry.name)
    )
    for reason, names in left_out.items():
        # a folder without clips is no word, but for example a logdir; its other files are its own
        if listing.audio or reason == FOREIGN:
            contents.left_out[reason] += [f"{folder.name}/{name}" for name in names]
    too_deep = [
        path
        for inner in listing.folders
        if inner.name != NOISE_FOLDER and not is_written_folder(inner.name)
        for path in audio_in(inner.path, f"{folder.name}/{inner.name}")
    ]
    contents.left_out[TOO_DEEP] += too_deep
    if not (listing.audio or listing.left_out[FOREIGN] or too_deep):
        contents.without_audio.append(folder.name)


def _preference(entry: os.DirEntry[str]) -> int:
    return AUDIO_SUFFIXES.index(os.path.splitext(entry.name)[1].lower())


def _by_folder(paths: list[str]) -> str:
    """Name a few files, or of many the folders with the number of files in each."""
    if len(paths) <= 5:
        return named(paths)
    n_files: dict[str, int] = defaultdict(int)
    for path in paths:
        n_files[str(PurePosixPath(path).parent)] += 1
    folders = [f"{folder}/ ({n:,})" for folder, n in n_files.items()]
    return f"{named(folders, 30)}, such as {named(paths[:1])}"
