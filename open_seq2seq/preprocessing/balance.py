"""How many rows each class has: drawing unknown, duplicating training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd


def rows_beside_keywords(clips: pd.DataFrame, n_keywords: int) -> dict[str, int]:
    """Return how many rows unknown and silence get in each split.

    In training as many as the largest keyword has; in validation and test the mean count of the
    keywords, rounded.

    Args:
        clips: the rows of the keywords, with columns ``word`` and ``split``.
        n_keywords: how many keywords there are, with or without clips in a split.
    """
    n_rows = {
        split: clips.loc[clips["split"] == split, "word"].value_counts()
        for split in ("train", "val", "test")
    }
    mean = {split: n_rows[split].sum() / n_keywords for split in ("val", "test")}
    return {"train": int(n_rows["train"].max())} | {split: round(mean[split]) for split in mean}


def draw_evenly(clips: pd.DataFrame, n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw ``n_rows`` distinct rows, taking one of each word in turn, so that the rare words are
    all in.

    Returns:
        the rows drawn, in their old order; all of them where there are fewer than ``n_rows``.
    """
    shuffled = clips.iloc[rng.permutation(len(clips))]
    turn = shuffled.groupby("word").cumcount()
    drawn = turn.sort_values(kind="stable").index[:n_rows]
    return clips[clips.index.isin(drawn)]


def balance_classes(clips: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Duplicate rows until every label has as many as the largest.

    Every row stays, and within a label no row stands there more than once oftener than another.

    Args:
        clips: the training rows, with a unique index and the column ``label``.
        rng: decides which rows get one copy more where the rows do not divide evenly.

    Returns:
        the rows, copies beside their originals, which keep the index of their original.
    """
    largest = clips["label"].value_counts().max()
    times = pd.Series(0, clips.index)
    for _, rows in clips.groupby("label"):
        each, one_more = divmod(largest, len(rows))
        times[rows.index] = each
        times[rng.choice(rows.index, one_more, replace=False)] += 1
    return clips.loc[clips.index.repeat(times)]
