"""A manifest of a million rows, correct and with one error in its middle."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from open_seq2seq.data.manifests import read_manifests
from tests.support.fuzzing.harness import Refused, Report, refusal_of

_N_ROWS = 1_000_000
_N_CLIPS = 1000
_LABELS = ("yes", "no", "unknown")
# kind -> (the text that replaces the row in the middle, a part of the error message); None: the row
# is unchanged, or all rows are read
_EDITS = {
    "sound": (None, None),
    "CRLF": (None, None),
    "a duplicated row": ("{row}\n{row}", None),
    "a blank line": ("\n{row}", None),
    "a label too high": ("3,cat,a,{path}", "line 500002: '3'"),
    "a label of another word": ("0,no,a,{path}", "line 500002: 'no'"),
    "a missing clip": ("2,cat,a,nowhere.wav", "line 500002: 'nowhere.wav'"),
    "a column too many": ("{row},x", "line 500002"),
    "a column too few": ("2,cat,a", "line 500002"),
    "an unclosed quote": ('2,cat,a,"{path}', "row 500001"),
    "a name that is not UTF-8, of no clip": ("2,cat,a,no\udcffwhere.wav", "line 500002: 'no"),
    "a path out of the folder": ("2,cat,a,../out.wav", "line 500002: '../out.wav'"),
    "a truncated path": ("2,cat,a,{cut}", "line 500002"),
}


def run() -> Report:
    """Read the manifest with each kind of edit."""
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in range(_N_CLIPS):
            (folder / f"{clip:04}.wav").touch()
        numbers = np.random.default_rng(0).integers(_N_CLIPS, size=_N_ROWS)
        labels = numbers % 3
        words = ("yes", "no", "cat")
        rows = [
            f"{label},{words[label]},a,{clip:04}.wav"
            for label, clip in zip(labels, numbers, strict=True)
        ]
        for what in _EDITS:
            report += _try(folder / "m.csv", rows, labels, what)
    return report


def _try(manifest: Path, rows: list[str], labels: np.ndarray, what: str) -> Report:
    edit, message = _EDITS[what]
    middle = len(rows) // 2
    edited = list(rows)
    if edit is not None:
        path = rows[middle].rpartition(",")[2]
        edited[middle] = edit.format(row=rows[middle], path=path, cut=path[:-2])
    end = "\r\n" if what == "CRLF" else "\n"
    text = end.join(["label,word,speaker,path", *edited]) + end
    manifest.write_bytes(text.encode(errors="surrogateescape"))
    expected = labels
    if what == "a duplicated row":
        expected = np.insert(labels, middle, labels[middle])
    started = time.perf_counter()
    try:
        with refusal_of(what, message or "\0"):
            labels_read = read_manifests([manifest], _LABELS)["label"].to_numpy()
        assert message is None, f"{what}: accepted"
        np.testing.assert_array_equal(labels_read, expected)
        report = Report(n_accepted=1)
    except Refused:
        report = Report(n_refused=1)
    except Exception as error:
        report = Report(failures=(f"million rows, {what}: {error}",))
    return report + Report(slowest_s=time.perf_counter() - started)
