"""A user's own recordings without the phrases: each for training, calibration or testing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from open_seq2seq.data.audio import BadAudioError, check_header, unusable
from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.data.official_split import Split
from open_seq2seq.errors import UserError, counted
from open_seq2seq.synthetic.noise import SAMPLE_RATE
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.system.files import is_vacant

_FLAG = "--negatives"
_FRACTIONS: dict[Split, float] = {"train": 0.4, "val": 0.3, "test": 0.3}
_SHORT_S = 30.0  # recordings that are shorter than this, mostly, are joined to be heard

logger = logging.getLogger(__name__)


def read_negatives(folder: str) -> dict[str, float]:
    """Return the seconds of each recording in a folder and in folders in it, by path.

    Raises:
        UserError: there are fewer than three, or one cannot be used.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{_FLAG} {folder}: no such folder; name one with recordings")
    try:
        paths = find_audio(folder)
    except OSError as error:
        raise UserError(
            f"{_FLAG} {folder}: cannot read it ({error.strerror or error}); make it readable"
        ) from None
    if len(paths) < len(_FRACTIONS):
        raise UserError(
            f"{_FLAG} {folder}: {counted(len(paths), 'audio file')} in it, expected three or more, "
            "for training, calibration and testing; cut long recordings in pieces, or leave "
            f"{_FLAG} out"
        )
    seconds = {}
    for path in paths:
        try:
            header = check_header(path, SAMPLE_RATE, any_length=True)
        except BadAudioError as error:
            raise unusable(f"{_FLAG} {path}", error) from None
        seconds[path] = header.n_samples / SAMPLE_RATE
    return seconds


def part(seconds: dict[str, float], seed: int) -> dict[Split, list[str]]:
    """Return the paths of each split, the longest ones first.

    A recording goes where most of the time is missing, so that two fifths are for training and
    three tenths for each of the others.

    Args:
        seconds: of each recording.
        seed: order of recordings of the same length.
    """
    paths = sorted(seconds)
    order = generator(seed, "negatives").permutation(len(paths))
    longest_first = sorted((paths[index] for index in order), key=lambda path: -seconds[path])
    total = sum(seconds.values())
    held = dict.fromkeys(_FRACTIONS, 0.0)
    parts: dict[Split, list[str]] = {split: [] for split in _FRACTIONS}
    for path in longest_first:
        empty = [split for split in parts if not parts[split]]
        split = max(empty or _FRACTIONS, key=lambda split: _FRACTIONS[split] * total - held[split])
        parts[split].append(path)
        held[split] += seconds[path]
    return parts


def link(paths: Sequence[str], folder: Path) -> None:
    """Make a new folder with a link to each recording.

    Raises:
        OSError: it cannot be written.
    """
    if not is_vacant(folder):
        raise FileExistsError(17, "File exists", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(paths):
        (folder / f"{index:05d}-{Path(path).name}").symlink_to(Path(path).resolve())


def are_short(seconds: Sequence[float]) -> bool:
    """Tell whether recordings are heard joined, each after a pause."""
    return float(np.median(seconds)) < _SHORT_S
