"""Corpora: folders of tracks by name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.detection.tracks import Track, open_track
from open_seq2seq.errors import UserError
from open_seq2seq.system.paths import expand_home


class Corpus(NamedTuple):
    """Recordings that are reported together."""

    name: str
    path: str  # of the folder or the recording
    tracks: tuple[Track, ...]


def open_corpora(texts: Iterable[str]) -> list[Corpus]:
    """Return corpora as the command line names them: a path, or a name, ``=`` and a path.

    Raises:
        UserError: there is no recording, a list cannot be used, or two have one name.
    """
    corpora: list[Corpus] = []
    for text in texts:
        corpus = open_corpus(text)
        same = [other for other in corpora if other.name == corpus.name]
        if same:
            raise UserError(
                f"{corpus.path}: a corpus named {corpus.name} is there already, {same[0].path}; "
                f"name one of them, as in NAME={corpus.path}"
            )
        corpora.append(corpus)
    return corpora


def open_corpus(text: str) -> Corpus:
    """Return one corpus; see `open_corpora`."""
    name, has_name, path = text.partition("=")
    if not has_name or not name or os.path.exists(expand_home(text)):  # "=" may be in the path
        name, path = "", text
    path = expand_home(path)
    if os.path.isdir(path):
        try:
            files = find_audio(path)
        except OSError as error:
            raise UserError(
                f"{error.filename}: cannot read this folder ({error.strerror}); make it readable"
            ) from None
        if not files:
            raise UserError(f"{path}: no audio files in this folder; name a folder of recordings")
    elif os.path.isfile(path):
        files = [path]
    else:
        raise UserError(f"{path}: no such recording or folder of recordings")
    name = name or Path(path).resolve().name
    return Corpus(name, path, tuple(open_track(Path(file)) for file in files))
