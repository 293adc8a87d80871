"""Manifests in several dialects, and corrupt ones, compared with Python's csv module."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.manifests import read_manifests
from open_seq2seq.system.paths import NAME_ERRORS
from tests.support.fuzzing.edits import damage, pick
from tests.support.fuzzing.harness import refusal_of

LABELS = ("yes", "no", "stop", "unknown", "silence")
_WORDS = ("yes", "no", "stop", "cat", "nan", "null", "größe", "two words", "", 'the "x"')
_SPEAKERS = ("a1", "0b44", "c, d", "", "NA", "1e5")
# label and name of each clip; some names resemble each other, and some need quotes in CSV
_CLIPS = (
    *((label, f"{word}/{i}.wav") for label, word in enumerate(LABELS[:3]) for i in range(12)),
    *((3, f"cat/{i}.wav") for i in range(12)),
    *(
        (4, name)
        for name in (
            "si, lence/1.wav",
            'si, lence/"2".wav',
            "größe/ß.wav",
            "größe/line\nbreak.wav",
            "top.wav",
        )
    ),
    (0, " yes/ 1.wav"),
    (1, "1/1"),
    (2, "2/1.0"),
)
Row = tuple[int, str]  # label, path relative to the folder


class Written(NamedTuple):
    """A manifest before any corruption."""

    header: list[str]
    rows: list[list[str]]
    pairs: list[Row]

    def text(self, **dialect) -> str:
        file = io.StringIO(newline="")
        csv.writer(file, **dialect).writerows([self.header, *self.rows])
        return file.getvalue()


class Fuzzer:
    """A folder of empty clips and dangling links, and a manifest for each input."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        for _, name in _CLIPS:
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / name).touch()
        (self._folder / "yes" / "loop.wav").symlink_to("loop.wav")
        (self._folder / "no" / "dangling.wav").symlink_to("nowhere.wav")
        os.mkfifo(self._folder / "no" / "pipe.wav")
        (folder / "outside.wav").touch()
        self._manifest = self._folder / "m.csv"

    def run(self, rng: np.random.Generator) -> str:
        written = _write(rng, self._folder)
        make = pick(
            rng,
            (
                _as_other_programs,
                _as_other_programs,
                _with_a_bad_value,
                _with_other_columns,
                _with_damage,
            ),
        )
        content, what, may_change = make(rng, written)
        self._manifest.write_bytes(content)
        with refusal_of(what, str(self._manifest), is_sound=make is _as_other_programs):
            table = read_manifests([self._manifest], LABELS)
        rows = [
            (label, os.path.relpath(path, self._folder))
            for label, path in zip(table["label"].tolist(), table["path"], strict=True)
        ]
        assert rows == self._read_by_csv(content), f"{what}: Python's csv reads other rows"
        if not may_change:
            invented = set(rows) - set(written.pairs)
            assert not invented, f"{what}: {invented} were never written"
        if make is _as_other_programs:
            assert rows == written.pairs, f"{what}: not the rows that were written"
        return what

    def _read_by_csv(self, content: bytes) -> list[Row]:
        """Read label and path of each non-empty row."""
        text = content.decode("utf-8-sig", NAME_ERRORS)  # a name may have any bytes
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        label, path = header.index("label"), header.index("path")
        return [
            (int(float(row[label])), os.path.relpath(self._folder / row[path], self._folder))
            for row in rows
            if any(row)
        ]


def _write(rng: np.random.Generator, folder: Path) -> Written:
    n_rows = int(pick(rng, (1, 2, 5, 30)))
    clips = [_CLIPS[i] for i in rng.integers(len(_CLIPS), size=n_rows)]  # perhaps duplicates
    columns = {
        "label": [str(label) for label, _ in clips],
        "path": [name if rng.random() < 0.9 else str(folder / name) for _, name in clips],
    }
    if rng.random() < 0.6:
        others = [word for word in _WORDS if word not in LABELS]
        words = [
            LABELS[label] if rng.random() < 0.7 else str(pick(rng, others)) for label, _ in clips
        ]
        columns = {"word": words, **columns}
    if rng.random() < 0.5:
        columns = {"speaker": [str(pick(rng, _SPEAKERS)) for _ in clips], **columns}
    order = rng.permutation(list(columns)).tolist()
    rows = [list(row) for row in zip(*(columns[name] for name in order), strict=True)]
    return Written(order, rows, clips)


def _as_other_programs(rng: np.random.Generator, written: Written) -> tuple[bytes, str, bool]:
    """Write CRLF, a byte order mark, quotes around everything, empty lines or no last newline."""
    end = pick(rng, ("\n", "\r\n"))
    quoting = pick(rng, (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    text = written.text(lineterminator=end, quoting=quoting)
    what = f"sound, {end!r}, quoting {quoting}"
    if rng.random() < 0.3:
        text, what = text + end * 3, what + ", empty lines"
    elif rng.random() < 0.3:
        text, what = text.removesuffix(end), what + ", no last newline"
    encoding = pick(rng, ("utf-8", "utf-8-sig"))
    return text.encode(encoding), f"{what}, {encoding}", False


def _with_a_bad_value(rng: np.random.Generator, written: Written) -> tuple[bytes, str, bool]:
    """Replace one value by an invalid or a contradicting one."""
    column = pick(rng, written.header)
    values = {
        "label": (
            "",
            "-1",
            "5",
            "1.5",
            "nan",
            "inf",
            "1e400",
            "yes",
            "1 2",
            "0x1",
            "1_0",
            "²",
            "9" * 400,
            "0,1",
            "None",
        ),
        "path": (
            *(
                "",
                ".",
                "..",
                "/",
                "yes",
                "yes/",
                "nowhere/1.wav",
                "../outside.wav",
                "yes/../../outside.wav",
                "~/1.wav",
            ),
            *(
                "yes/loop.wav",
                "no/dangling.wav",
                "no/pipe.wav",
                "a" * 300 + ".wav",
                "a/" * 3000 + "1.wav",
                "/dev/zero",
            ),
            *(
                "yes/1.wav ",
                "yes\\1.wav",
                "yes/1.wav\0",
                "ye\0s/1.wav",
                "file://yes/1.wav",
                "YES/1.WAV",
                "x" * 10**5,
            ),
        ),
        "word": ("yes", "no", "stop", "silence"),
        "speaker": ("\0", "x" * 10**5, "\x1a", "\u2028"),
    }[column]
    value = str(pick(rng, values))
    row = written.rows[rng.integers(len(written.rows))]
    row[written.header.index(column)] = value
    return written.text(lineterminator="\n").encode(), f"{column} {value[:40]!r}", False


def _with_other_columns(rng: np.random.Generator, written: Written) -> tuple[bytes, str, bool]:
    """Drop, duplicate, rename or add columns, or use another delimiter or encoding."""

    def rename(name: str) -> str:
        written.header[rng.integers(len(written.header))] = name
        return f"a column named {name!r}"

    def drop() -> str:
        column = rng.integers(len(written.header))
        del written.header[column]
        if rng.random() < 0.5:
            for row in written.rows:
                del row[column]
        return "a column dropped"

    def add_to(rows: list[list[str]], column: int, value: str) -> str:
        for row in rows:
            row.insert(column, value)
        return f"{value!r} inserted as column {column} of {len(rows)} rows"

    n_columns = len(written.header)
    edit: Callable[[], str] = pick(
        rng,
        (
            lambda: rename(
                pick(rng, ("label", "path", "Label", " path", "", "\ufeffpath", "unnamed"))
            ),
            drop,
            lambda: add_to(
                written.rows,
                int(rng.integers(n_columns + 1)),
                pick(rng, ("0", "1", "", "yes/1.wav")),
            ),
            lambda: add_to(
                [pick(rng, written.rows)],
                int(rng.integers(n_columns + 1)),
                pick(rng, ("0", "1", "")),
            ),
            lambda: add_to(
                [written.header, *written.rows],
                int(rng.integers(n_columns + 1)),
                pick(rng, ("label", "x")),
            ),
            lambda: written.rows.clear() or "no rows",
            lambda: written.header.clear() or "an empty header",
        ),
    )
    what = edit()
    delimiter = pick(rng, (",", ",", ",", ";", "\t"))
    text = written.text(lineterminator="\n", delimiter=delimiter)
    content = text.encode(pick(rng, ("utf-8", "utf-8", "utf-16", "utf-32")))
    return content, f"{what}, delimiter {delimiter!r}", False


def _with_damage(rng: np.random.Generator, written: Written) -> tuple[bytes, str, bool]:
    """Truncate the manifest, or change some bytes.

    A changed digit is a valid manifest with another label or path.
    """
    content = written.text(lineterminator="\n").encode()
    if rng.random() < 0.5:
        # a truncated label is no other label, as all labels have one digit
        return content[: rng.integers(len(content))], "truncated", False
    corrupted, how = damage(rng, content)
    return corrupted, how, _digits(corrupted) != _digits(content) or "+" in how


def _digits(content: bytes) -> list[bytes]:
    return re.findall(rb"\d", content)
