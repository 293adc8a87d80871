"""Balance the classes: draw clips for unknown, and duplicate training rows of small classes."""

from __future__ import annotations

import numpy as np
import pandas as pd


def rows_beside_keywords(clips: pd.DataFrame, n_keywords: int) -> dict[str, int]:
    """Return the number of rows that unknown and silence each get, by split.

    In training it is the count of the largest keyword, in validation and test the mean count of
    the keywords, rounded, but 1 at least.

    Args:
        clips: the rows of the keywords, with columns ``word`` and ``split``.
        n_keywords: number of keywords, with or without clips in a split.
    """
    n_rows = {
        split: clips.loc[clips["split"] == split, "word"].value_counts()
        for split in ("train", "val", "test")
    }
    return {
        "train": int(n_rows["train"].max()),
        # a third of a clip would round to none, and the label would not be measured at all
        "val": max(1, round(n_rows["val"].sum() / n_keywords)),
        "test": max(1, round(n_rows["test"].sum() / n_keywords)),
    }


def draw_evenly(clips: pd.DataFrame, n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw ``n_rows`` distinct rows, one of each word in turn, so that rare words are included.

    Returns:
        the rows drawn, in their original order; all rows if there are fewer than ``n_rows``.
    """
    shuffled = clips.iloc[rng.permutation(len(clips))]
    turns = shuffled.groupby("word").cumcount()
    drawn = turns.sort_values(kind="stable").index[:n_rows]
    return clips[clips.index.isin(drawn)]


def balance_classes(clips: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Duplicate rows until every label has as many rows as the largest label.

    Every row is kept. The numbers of copies of two rows of a label differ by at most one.

    Args:
        clips: the training rows, with a unique index and the column ``label``.
        rng: decides which rows get one copy more.

    Returns:
        the rows; copies follow their original and keep its index.
    """
    largest = clips["label"].value_counts().max()
    n_copies = pd.Series(0, clips.index)
    for _, rows in clips.groupby("label"):
        n_each, n_one_more = divmod(largest, len(rows))
        n_copies[rows.index] = n_each
        n_copies[rng.choice(rows.index, n_one_more, replace=False)] += 1
    return clips.loc[clips.index.repeat(n_copies)]
