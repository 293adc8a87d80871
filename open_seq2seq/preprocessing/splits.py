"""Split clips into training, validation and test."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.data.official_split import PUBLISHED_LISTS, SPLITS, official_split
from open_seq2seq.errors import UserError, named
from open_seq2seq.preprocessing.speakers import tells_no_speaker
from open_seq2seq.preprocessing.split_lists import BOTH_LISTS, split_by_lists

BY_LISTS = "published lists"
BY_HASH = "SHA-1 of the speaker"
AT_RANDOM = "random 80-10-10 per word"

_LEAST_CLIPS = len(SPLITS)  # of a word, so that each split can have one

logger = logging.getLogger(__name__)


def split_officially(clips: pd.DataFrame, data_dir: Path) -> tuple[pd.Series, str]:
    """Return each clip's split, by the dataset's lists or else by hash, and the rule in words.

    Args:
        clips: a table of all clips, with columns ``speaker`` and ``path``.
        data_dir: the dataset, with or without ``validation_list.txt`` and ``testing_list.txt``.

    Raises:
        UserError: the lists cannot be used, see `split_by_lists`.
    """
    splits = split_by_lists(clips, data_dir)
    if splits is not None:
        return splits, BY_LISTS
    return split_by_hash(clips), BY_HASH


def split_by_hash(clips: pd.DataFrame) -> pd.Series:
    """Return each clip's split by the published rule: the SHA-1 of its speaker.

    Where the name tells no speaker, the rule hashes the file's whole name, ending and all.

    Args:
        clips: a table with columns ``speaker`` and ``path``.
    """
    file_names = clips["path"].str.rpartition("/")[2]
    hashed = clips["speaker"].mask(tells_no_speaker(clips), file_names)
    by_text = {text: official_split(text) for text in set(hashed)}
    return hashed.map(by_text)


def split_randomly(clips: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Split each word's clips at random, as `split_sizes` says.

    OpenSeq2Seq splits so. A speaker's clips can be in several splits.
    """
    by_word = pd.Series(rng.permutation(len(clips)), clips.index).groupby(clips["word"])
    rank = by_word.rank(method="first").astype(int) - 1  # 0 … n - 1 within each word
    n = by_word.transform("size")
    sizes = {size: split_sizes(size) for size in n.unique()}
    n_train = n.map({size: train for size, (train, _, _) in sizes.items()})
    n_val = n.map({size: val for size, (_, val, _) in sizes.items()})
    splits = np.select([rank < n_train, rank < n_train + n_val], ["train", "val"], "test")
    return pd.Series(splits, clips.index)


def split_sizes(n: int) -> tuple[int, int, int]:
    """Return how many of ``n`` clips are for training, validation and test: 80, 10 and 10 %.

    Of three or more each split gets one at least. One alone is for training.
    """
    n_val, n_test = n * 9 // 10 - n * 8 // 10, n - n * 9 // 10
    if n >= _LEAST_CLIPS:
        n_val, n_test = max(n_val, 1), max(n_test, 1)
    if n == 1:
        n_test = 0
    return n - n_val - n_test, n_val, n_test


def crossing_speakers(clips: pd.DataFrame) -> list[str]:
    """Return the speakers whose clips are in more than one split.

    Args:
        clips: a table with columns ``speaker`` and ``split``.
    """
    n_splits = clips.groupby("speaker")["split"].nunique()
    return sorted(n_splits.index[n_splits > 1])


def refuse_crossing_speakers(clips: pd.DataFrame) -> None:
    """Raise a `UserError` if a speaker's clips are in more than one split."""
    crossing = crossing_speakers(clips)
    if crossing:
        raise UserError(
            f"--split official: {len(crossing)} speakers have clips in several splits: "
            f"{named(crossing)}; put all clips of a speaker in one of {BOTH_LISTS} or in "
            "neither, delete both lists to split by the hash of the speaker, or use --split random"
        )


def refuse_empty_splits(
    clips: pd.DataFrame,
    labels: tuple[str, ...],
    keywords: tuple[str, ...],
    rule: str = BY_HASH,
) -> None:
    """Raise a `UserError` if a split has no keyword at all or a label has no training clips.

    A label without validation or test clips is only warned of.

    Args:
        clips: a table with columns ``label`` and ``split``.
        labels: the names of the labels in index order.
        keywords: those of them that are words.
        rule: how the clips were split; the message says what helps there.
    """
    names = clips["label"].map(dict(enumerate(labels)))
    is_keyword = names.isin(keywords)
    n_clips = names[is_keyword].value_counts()
    for split in SPLITS:
        if not (is_keyword & (clips["split"] == split)).any():
            counts = named([f"{word} {n_clips.get(word, 0)}" for word in keywords], 10)
            raise UserError(
                f"split {split!r} has none of the {int(is_keyword.sum())} clips of the keywords "
                f"({counts}); {_what_fills(split, rule, int(n_clips.max()))}"
            )
    for split in SPLITS:
        present = set(names[clips["split"] == split])
        missing = [label for label in labels if label in set(names) - present]
        if missing and split == "train":
            raise UserError(
                f"no training clips for {', '.join(missing)}: all are in validation or test; "
                f"{_what_trains(missing, rule)}"
            )
        if missing:
            logger.warning("split %r has no clips of %s", split, ", ".join(missing))


def _what_fills(split: str, rule: str, most_clips: int) -> str:
    """Return what gives ``split`` clips, if the keyword with the most clips has ``most_clips``."""
    if rule == BY_LISTS:
        if split == "train":
            return f"take some of them out of {BOTH_LISTS}"
        return f"name some of them in {PUBLISHED_LISTS[split]}, a line <word>/<file> for each"
    if most_clips < _LEAST_CLIPS:
        return f"record {_LEAST_CLIPS} clips or more of each word, so that each split can have one"
    return (
        "add clips of more speakers, or use --split random, which shares out the clips of each word"
    )


def _what_trains(missing: list[str], rule: str) -> str:
    """Return what gives the labels ``missing`` training clips."""
    leave_out = "leave these words out with --keywords"
    if missing == [UNKNOWN]:
        leave_out = "leave the label out with --keywords and --no_unknown"
    if rule == BY_LISTS:
        return f"take some of them out of {BOTH_LISTS}, or {leave_out}"
    return f"add clips of more speakers, {leave_out}, or use --split random"
