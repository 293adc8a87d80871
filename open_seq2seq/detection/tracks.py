"""Tracks: long recordings, each with a list of what is said when, in folders called corpora.

Beside ``NAME.wav`` lies ``NAME.csv`` with columns ``start`` and ``end`` (seconds, of the word),
``label`` (what a detector should say), ``word``, ``snr_db`` and ``path`` (of the clip). Only start,
end and label are required. Where there is no list, nothing in the recording is a keyword.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.errors import UserError, shown
from open_seq2seq.system.files import check_text, written_aside
from open_seq2seq.system.paths import NAME_ERRORS

COLUMNS = ("start", "end", "label", "word", "snr_db", "path")
_REQUIRED = COLUMNS[:3]
_DIGITS = 4  # of seconds: a tenth of a millisecond


class Spoken(NamedTuple):
    """A word that is said in a track."""

    start: float  # seconds, of the word
    end: float
    label: str
    word: str = ""
    snr_db: float | None = None
    path: str = ""  # of the clip it was taken from


class Track(NamedTuple):
    """A recording, and what is said in it."""

    path: Path
    spoken: tuple[Spoken, ...]  # in the order of their starts


def list_path(recording: Path) -> Path:
    """Return where the list of a recording is."""
    return recording.with_suffix(".csv")


def open_track(recording: Path) -> Track:
    """Return a recording with its list; without one, nothing is said in it.

    Raises:
        UserError: the list cannot be used; the message gives its line.
    """
    path = list_path(recording)
    return Track(recording, read_list(path) if path.exists() else ())


def write_list(path: Path, spoken: Iterable[Spoken]) -> None:
    """Write the list of a track, whole or not at all."""
    with (
        written_aside(path) as partial,
        open(partial, "w", newline="", encoding="utf-8", errors=NAME_ERRORS) as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for each in spoken:
            snr = "" if each.snr_db is None else f"{each.snr_db:.2f}"
            times = (f"{time:.{_DIGITS}f}" for time in (each.start, each.end))
            writer.writerow([*times, each.label, each.word, snr, each.path])


def read_list(path: Path) -> tuple[Spoken, ...]:
    """Read the list of a track.

    Raises:
        UserError: it is none; the message gives the line.
    """
    try:
        check_text(path)
        with open(path, newline="", encoding="utf-8-sig", errors=NAME_ERRORS) as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise UserError(
                    f"{path}: column {missing[0]!r} is missing; the list of a track has the "
                    f"columns {', '.join(COLUMNS)}"
                )
            spoken = [_read_row(path, reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot read the list of a track ({reason})") from None
    return tuple(sorted(spoken, key=lambda each: each.start))


def _read_row(path: Path, line: int, row: dict[str, str]) -> Spoken:
    start, end = (_seconds(path, line, name, row[name]) for name in ("start", "end"))
    if end <= start:
        raise UserError(f"{path}, line {line}: end {end:g} is not after start {start:g}")
    if not row["label"]:
        raise UserError(f"{path}, line {line}: label is empty; expected what is said")
    snr = row.get("snr_db") or None
    return Spoken(
        start,
        end,
        row["label"],
        row.get("word") or "",
        None if snr is None else _number(path, line, "snr_db", snr),
        row.get("path") or "",
    )


def _seconds(path: Path, line: int, name: str, text: str | None) -> float:
    seconds = _number(path, line, name, text)
    if seconds < 0:
        raise UserError(f"{path}, line {line}: {name} {seconds:g}, expected 0 or more seconds")
    return seconds


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}, line {line}: {name}: expected a number, got {shown(text or '')}")
    return value
