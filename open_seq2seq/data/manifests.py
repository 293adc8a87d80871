"""Manifests: CSV files with one row per clip.

Columns: ``label`` (index into the labels file), ``word`` (what is said), ``speaker``, ``path``
(relative to the manifest's folder and within it, or absolute; ``~/`` is the home folder). ``path``
is the last column so that a line cut short always shows: it either lacks columns or names a file
that is not there. Only ``label`` and ``path`` are required, and for inference ``path``
alone. A name can have any bytes.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from open_seq2seq.errors import UserError, shown
from open_seq2seq.system.files import check_text, written_aside
from open_seq2seq.system.paths import NAME_ERRORS, expand_home

COLUMNS = ["label", "word", "speaker", "path"]
_SHOWN = 5  # how many bad rows a message lists before it counts the rest


def write_manifest(path: Path, table: pd.DataFrame) -> None:
    """Write ``table`` (columns `COLUMNS`) to ``path``, whole or not at all."""
    # or else a folder named ~ would be read as the home folder
    paths = table["path"].where(~table["path"].str.startswith("~"), "./" + table["path"])
    with written_aside(path) as partial:
        table.assign(path=paths).to_csv(
            partial, columns=COLUMNS, index=False, lineterminator="\n", errors=NAME_ERRORS
        )


def write_labels(path: Path, labels: tuple[str, ...]) -> None:
    """Write ``labels``, one per line, in index order."""
    text = "".join(f"{label}\n" for label in labels)
    path.write_text(text, encoding="utf-8", errors=NAME_ERRORS)


def read_labels(path: Path) -> tuple[str, ...]:
    """Read a labels file: one label per line, in index order."""
    try:
        check_text(path)
        # not splitlines(), which takes more characters for the end of a line
        lines = path.read_text(encoding="utf-8-sig", errors=NAME_ERRORS).split("\n")
        labels = tuple(line.strip() for line in lines if line.strip())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot read the labels file ({_reason(error)}); "
            "open-seq2seq-prepare writes it beside the manifests"
        ) from None
    if not labels:
        raise UserError(f"{path}: the labels file is empty, expected one label per line")
    if len(set(labels)) < len(labels):
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        raise UserError(f"{path}: label {shown(repeated[0])} appears more than once")
    return labels


def read_manifests(paths: list[Path], labels: tuple[str, ...] | None) -> pd.DataFrame:
    """Read and check manifests, one after the other, into one table.

    Args:
        paths: CSV files.
        labels: the labels that the ``label`` column indexes; None: it is not looked at, and may be
            missing.

    Returns:
        a table with columns ``label`` (int32; 0 without labels), ``word`` and ``speaker`` (""
        where the manifest says none) and ``path`` (absolute), in file order.

    Raises:
        UserError: a file is missing, empty or not a manifest; a label is no index into ``labels``
            or contradicts the row's word; a clip is missing. The message gives file and line.
    """
    return pd.concat([_read_manifest(path, labels) for path in paths], ignore_index=True)


def _read_manifest(path: Path, labels: tuple[str, ...] | None) -> pd.DataFrame:
    table = _read_table(path)
    _check_columns(path, list(table.columns), ("path",) if labels is None else ("label", "path"))
    if table.empty:
        raise UserError(f"{path}: the manifest has a header but no rows")

    cut_short = table["path"] == ""
    _refuse(path, cut_short, "the line is cut short, its path is missing", table.iloc[:, 0])
    index = pd.Series(0, table.index)
    if labels is not None:
        index = pd.to_numeric(table["label"], errors="coerce")
        bad = ~index.between(0, len(labels) - 1) | (index % 1 != 0)
        _refuse(path, bad, f"expected a label from 0 to {len(labels) - 1}", table["label"])
        if "word" in table:
            _check_words(path, table["word"], index.astype(np.int32), labels)

    root = str(path.resolve().parent)
    named = _expand_homes(table["path"])
    clips, is_there = _find_clips(root, named)
    leaves = ~named.str.startswith("/") & ~pd.Series(clips, table.index).str.startswith(
        os.path.join(root, "")
    )
    _refuse(
        path,
        leaves,
        "a relative path must not leave the manifest's folder; write an absolute one",
        table["path"],
    )
    gone = "no such file as these lines name; put it back, or prepare the manifest again"
    _refuse(path, pd.Series(~is_there, table.index), gone, table["path"])
    said = {
        name: table[name].to_list() if list(table.columns).count(name) == 1 else ""
        for name in ("word", "speaker")
    }
    return pd.DataFrame({"label": index.to_numpy(np.int32), **said, "path": clips})


def _read_table(path: Path) -> pd.DataFrame:
    """Return a CSV file as text, without its blank lines.

    The index is the number of the line, from 0 on.
    """
    try:
        check_text(path)
        content = path.read_bytes()
        if b"\0" in content:
            # pandas before 3.0 ends a name there
            line = content[: content.index(b"\0")].count(b"\n") + 1
            raise ValueError(f"line {line} has a zero byte; the file is damaged")
        # with a header pandas would take a column too many for the rows' names, and rename one that
        # appears twice
        table = pd.read_csv(
            io.BytesIO(content),
            header=None,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            encoding_errors=NAME_ERRORS,
            skip_blank_lines=False,
        )
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such manifest; make it with open-seq2seq-prepare, or point "
            "--dataset_location at the folder that holds it"
        ) from None
    except pd.errors.EmptyDataError:
        raise UserError(
            f"{path}: the manifest is empty, or its first line is; "
            "expected a header and a row per clip"
        ) from None
    except (OSError, ValueError) as error:  # of pandas and of another encoding
        raise UserError(f"{path}: not a readable CSV manifest ({_reason(error)})") from None
    table = table.fillna("")
    table.columns = pd.Index(table.iloc[0])
    table = table.iloc[1:]
    return table[(table != "").any(axis=1)]


def _check_columns(path: Path, columns: list[str], required: tuple[str, ...]) -> None:
    for name in required:
        problem = ""
        if name not in columns:
            problem = "is missing"
        elif columns.count(name) > 1:
            problem = "appears more than once"
        if problem:
            raise UserError(
                f"{path}: column {name!r} {problem}, found {shown(', '.join(columns))[1:-1]}"
            )


def _check_words(path: Path, words: pd.Series, index: pd.Series, labels: tuple[str, ...]) -> None:
    """Refuse a word that is itself a label and has another label's index.

    Then the labels file is another version's.
    """
    expected = words.map({label: i for i, label in enumerate(labels)})
    wrong = expected.notna() & (expected != index)
    _refuse(
        path,
        wrong,
        "the word has another index in the labels file; run the preprocessing again",
        words,
    )


def _expand_homes(clips: pd.Series) -> pd.Series:
    is_from_home = clips.str.startswith("~")
    return clips.where(~is_from_home, clips[is_from_home].map(expand_home))


def _find_clips(root: str, clips: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return each clip's absolute path, and whether it is a file.

    Each folder is listed once, not each file looked at: a million rows take seconds.
    """
    folders: dict[str, tuple[str, set[str]]] = {}  # as the manifest names it -> absolute, its files
    paths, is_there = [], np.empty(len(clips), bool)
    for row, clip in enumerate(clips):
        head, slash, name = clip.rpartition("/")
        if head not in folders:
            folder = os.path.normpath(os.path.join(root, head or slash))  # "/name" is in "/"
            folders[head] = os.path.join(folder, ""), _files_in(folder)
        prefix, names = folders[head]
        paths.append(prefix + name)
        is_there[row] = name in names
    return paths, is_there


def _files_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if _is_file(entry)}
    except (OSError, ValueError):  # ValueError: no folder can have this name
        return set()


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _refuse(path: Path, bad: pd.Series, expected: str, values: pd.Series) -> None:
    if not bad.any():
        return
    rows = bad.index[bad]
    lines = "".join(f"\n  line {row + 1}: {shown(values.loc[row])}" for row in rows[:_SHOWN])
    if len(rows) > _SHOWN:
        lines += f"\n  and {len(rows) - _SHOWN} more"
    raise UserError(f"{path}: {expected}:{lines}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().split("\n")[0]
