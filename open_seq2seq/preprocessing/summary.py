"""Summary of the manifests: rows, copies and speakers by label and split."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import counted
from open_seq2seq.preprocessing.splits import crossing_speakers
from open_seq2seq.system.terminal import printable

_FEW_ROWS = 100  # one row is more than a point of accuracy

logger = logging.getLogger(__name__)


def count_rows(rows: pd.DataFrame, labels: tuple[str, ...]) -> pd.DataFrame:
    """Count the rows of each label in each split.

    Args:
        rows: the rows of all manifests, with columns ``label``, ``split``, ``speaker`` ("" for
            silence) and ``path``.
        labels: the names of the labels in index order.

    Returns:
        a table with one row for each label and split and columns ``label``, ``split``, ``rows``,
        ``copies`` (rows that repeat an earlier one) and ``speakers``.
    """
    counts = []
    for i, label in enumerate(labels):
        for split in SPLITS:
            group = rows[(rows["label"] == i) & (rows["split"] == split)]
            counts.append((label, split, len(group), _n_copies(group), _n_speakers(group)))
    return pd.DataFrame(counts, columns=["label", "split", "rows", "copies", "speakers"])


def totals(rows: pd.DataFrame) -> dict[str, Any]:
    """Return rows, copies and speakers of each split, and the number of speakers in several."""
    by_split = {split: rows[rows["split"] == split] for split in SPLITS}
    return {
        "rows": {split: len(group) for split, group in by_split.items()},
        "copies": {split: _n_copies(group) for split, group in by_split.items()},
        "speakers": {split: _n_speakers(group) for split, group in by_split.items()},
        "speakers_in_several_splits": len(crossing_speakers(rows[rows["speaker"] != ""])),
    }


def warn_of_few_rows(n_rows: dict[str, int]) -> None:
    """Say what an accuracy on few rows is worth.

    Args:
        n_rows: number of rows of each split.
    """
    for split in ("val", "test"):
        n = n_rows[split]
        if 0 < n < _FEW_ROWS:
            logger.warning(
                "split %r has %s: 1 clip more or less that is recognized is %.1f points of "
                "accuracy; add clips of more speakers before you compare models",
                split,
                counted(n, "clip"),
                100 / n,
            )


def print_summary(
    counts: pd.DataFrame, total: dict[str, Any], title: str, console: Console
) -> None:
    """Print the counts as a table, one line per label."""
    table = Table(title=title, show_edge=False, pad_edge=False)
    # in a narrow terminal words are folded, and no number or name is cut
    table.add_column("label", overflow="fold", min_width=8)
    for split in SPLITS:
        n_digits = len(str(total["rows"][split]))
        table.add_column(split, justify="right", min_width=max(n_digits, len(split)))
    table.add_column("copies in train", justify="right", min_width=6)
    by_label = counts.set_index(["label", "split"])
    for label in counts["label"].unique():
        n_rows = [str(by_label.loc[(label, split), "rows"]) for split in SPLITS]
        table.add_row(printable(label), *n_rows, str(by_label.loc[(label, "train"), "copies"]))
    table.add_section()
    table.add_row(
        "all rows", *(str(total["rows"][split]) for split in SPLITS), str(total["copies"]["train"])
    )
    table.add_row("speakers", *(str(total["speakers"][split]) for split in SPLITS), "")
    console.print(table, crop=False)
    console.print(f"speakers in more than one split: {total['speakers_in_several_splits']}")


def print_negatives(
    manifests: Mapping[str, Mapping[str, Mapping[str, int]]], version: str, console: Console
) -> None:
    """Print rows, words and speakers of each manifest of negatives.

    Args:
        manifests: counts by kind and split.
        version: the version, with which the names of the manifests begin.
        console: where to print.
    """
    if not manifests:
        return
    columns = ("rows", "rows_of_keywords", "words", "speakers")
    table = Table(title=f"{version}-<manifest>.csv", show_edge=False, pad_edge=False)
    table.add_column("manifest", overflow="fold", min_width=12)
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right", min_width=5)
    for kind, by_split in manifests.items():
        for split, counts in by_split.items():
            numbers = [str(counts[name]) for name in columns]
            table.add_row(f"{kind}-{split}", *numbers)
    console.print(table, crop=False)


def _n_copies(rows: pd.DataFrame) -> int:
    return int(rows["path"].duplicated().sum())


def _n_speakers(rows: pd.DataFrame) -> int:
    return rows.loc[rows["speaker"] != "", "speaker"].nunique()
