"""Which files of a folder are audio: one rule for clips, the dataset's noise and recorded noise."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.errors import UserError, named

# What libsndfile reads. The order says which of two formats of a clip is used.
AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".wave", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".sph"),
)
# What it does not read, or not without being told a sample rate.
_FOREIGN_SUFFIXES = (
    *(".m4a", ".m4b", ".mp4", ".aac", ".3gp", ".amr", ".wma", ".webm", ".weba"),
    *(".mka", ".mkv", ".mov", ".avi", ".ac3", ".ape", ".wv", ".ra", ".spx", ".tta", ".raw", ".pcm"),
)

HIDDEN = "hidden"
FOREIGN = "in formats that cannot be read; convert them to .wav"
NOT_AUDIO = "not audio"
NOT_FILES = "not files"
TOO_DEEP = "one folder too deep; move them up"

logger = logging.getLogger(__name__)

LeftOut = dict[str, list[str]]  # what is left out: reason -> names


class Listing(NamedTuple):
    """What is in a folder, sorted by name."""

    audio: list[os.DirEntry[str]]  # files whose names end like audio that libsndfile reads
    folders: list[os.DirEntry[str]]  # those that are not hidden
    left_out: LeftOut


def list_audio(folder: str | Path) -> Listing:
    """List a folder. Hidden files, such as macOS's ``._x.wav``, are never audio.

    Raises:
        OSError: the folder cannot be read.
    """
    audio, folders = [], []
    left_out: LeftOut = defaultdict(list)
    for entry in list_entries(folder):
        suffix = os.path.splitext(entry.name)[1].lower()
        if entry.name.startswith("."):
            left_out[HIDDEN].append(entry.name)
        elif is_folder(entry) and suffix not in AUDIO_SUFFIXES:
            folders.append(entry)
        elif suffix in _FOREIGN_SUFFIXES:
            left_out[FOREIGN].append(entry.name)
        elif suffix not in AUDIO_SUFFIXES:
            left_out[NOT_AUDIO].append(entry.name)
        elif not _is_file(entry):
            left_out[NOT_FILES].append(entry.name)
        else:
            audio.append(entry)
    return Listing(audio, folders, left_out)


def list_recordings(folder: str | Path) -> list[str]:
    """Return the paths of the audio files in a folder, and say what else is left out.

    Raises:
        OSError: the folder cannot be read.
    """
    listing = list_audio(folder)
    for inner in listing.folders:
        listing.left_out[TOO_DEEP] += audio_in(inner.path, inner.name)
    for reason, names in listing.left_out.items():
        if names:
            # a text or what a file manager leaves there is nobody's noise
            is_expected = reason in (HIDDEN, NOT_AUDIO)
            level = logging.INFO if is_expected else logging.WARNING
            logger.log(level, "%s: left out, %s: %s", folder, reason, named(names))
    return [entry.path for entry in listing.audio]


def recordings_in(folder: str, refusal: str, remedy: str) -> tuple[str, ...]:
    """Return what `list_recordings` does, and refuse a folder without any.

    Args:
        folder: that a parameter names.
        refusal: what is not there, and what the parameter is, for the message.
        remedy: what to do.

    Raises:
        UserError: there are none.
    """
    reason, recordings = "it holds no audio files", list[str]()
    try:
        recordings = list_recordings(folder)
    except OSError as error:
        reason = error.strerror or str(error)
    if not recordings:
        raise UserError(f"{refusal} in {folder} ({reason}); {remedy}")
    return tuple(recordings)


def find_audio(folder: str | Path) -> list[str]:
    """Return the paths of the audio files in a folder and in all folders in it, sorted by folder.

    Links to folders are not followed. Files in formats that cannot be read are warned of.

    Raises:
        OSError: a folder cannot be read.
    """
    listing = list_audio(folder)
    paths = [entry.path for entry in listing.audio]
    if foreign := listing.left_out.get(FOREIGN):
        logger.warning("%s: left out, %s: %s", folder, FOREIGN, named(foreign))
    for inner in listing.folders:
        if not inner.is_symlink():
            paths += find_audio(inner.path)
    return paths


def audio_in(folder: str, shown_as: str) -> list[str]:
    """Return the audio files of a folder from which none are wanted, as a message names them."""
    with suppress(OSError):
        return [f"{shown_as}/{entry.name}" for entry in list_audio(folder).audio]
    return []


def list_entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, sorted by name.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False
