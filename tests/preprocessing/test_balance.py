"""Balancing: sizes, evenness and seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from open_seq2seq.preprocessing.balance import balance_classes, draw_evenly, rows_beside_keywords

class_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=6)
seeds = st.integers(0, 2**32 - 1)


def _rows(sizes: list[int], column: str) -> pd.DataFrame:
    return pd.DataFrame({column: np.repeat(np.arange(len(sizes)), sizes)})


@settings(max_examples=50, deadline=None)
@given(class_sizes, seeds)
def test_balanced_classes_are_equal_complete_and_even(sizes, seed):
    balanced = balance_classes(_rows(sizes, "label"), np.random.default_rng(seed))
    times = balanced.groupby(["label", balanced.index]).size()
    for label, size in enumerate(sizes):
        assert len(times[label]) == size  # no row is lost
        assert times[label].sum() == max(sizes)
        floor, ceiling = max(sizes) // size, -(-max(sizes) // size)
        assert set(times[label]) <= {floor, ceiling}


def test_balancing_follows_the_seed():
    rows = _rows([100, 70], "label")
    first, again, other = (balance_classes(rows, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


@settings(max_examples=50, deadline=None)
@given(class_sizes, seeds, st.integers(0, 100))
def test_drawn_rows_are_distinct_and_take_the_words_in_turn(sizes, seed, n_rows):
    drawn = draw_evenly(_rows(sizes, "word"), n_rows, np.random.default_rng(seed))
    assert drawn.index.is_unique
    assert len(drawn) == min(n_rows, sum(sizes))
    counts = drawn["word"].value_counts().reindex(range(len(sizes)), fill_value=0)
    turns = counts.max()
    for word, size in enumerate(sizes):  # a word can miss the last turn, or have no clips left
        assert counts[word] >= min(size, turns - 1)


def test_draw_follows_the_seed():
    rows = _rows([50, 50], "word")
    first, again, other = (draw_evenly(rows, 20, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


def test_rows_beside_keywords():
    words = {"train": {"yes": 7, "no": 9}, "val": {"yes": 4, "no": 1, "up": 3}, "test": {"no": 2}}
    rows = [
        (word, split)
        for split, counts in words.items()
        for word, n in counts.items()
        for _ in range(n)
    ]
    clips = pd.DataFrame(rows, columns=["word", "split"])
    # 9 is the largest; 8 / 3 = 2.7 and 2 / 3 = 0.7, as keywords without clips count in the mean
    assert rows_beside_keywords(clips, n_keywords=3) == {"train": 9, "val": 3, "test": 1}
