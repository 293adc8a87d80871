"""Divide clips into training, validation and test."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd

from open_seq2seq.data.official_split import official_split
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import listed

SPLITS = ("train", "val", "test")
PUBLISHED_LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}

log = logging.getLogger(__name__)


def split_officially(clips: pd.DataFrame, data_dir: Path) -> tuple[pd.Series, str]:
    """Give each clip its split by the published lists or, where there are none, by the SHA-1 rule
    on its speaker.

    Args:
        clips: a table with columns ``speaker`` and ``path``, every clip of the dataset.
        data_dir: the folder that may hold ``validation_list.txt`` and ``testing_list.txt``.

    Returns:
        the split of each clip, and in words the rule it comes from.

    Raises:
        UserError: only one of the lists is there, a list cannot be read, or a clip is in both.
    """
    present = {
        split: data_dir / name
        for split, name in PUBLISHED_LISTS.items()
        if (data_dir / name).exists()
    }
    if not present:
        by_speaker = {speaker: official_split(speaker) for speaker in clips["speaker"].unique()}
        return clips["speaker"].map(by_speaker), "SHA-1 of the speaker"
    if len(present) == 1:
        (there,) = present.values()
        raise UserError(
            f"{there}: the other list is missing, expected {' and '.join(PUBLISHED_LISTS.values())} or neither; "
            "restore it, or delete this one and the splits follow from the speakers' names"
        )
    in_val, in_test = (_read_list(present[split]) for split in ("val", "test"))
    in_both = sorted(in_val & in_test)
    if in_both:
        raise UserError(
            f"clips in both {' and '.join(PUBLISHED_LISTS.values())}: {listed(in_both)}; delete one of the two lines"
        )
    clip = clips["path"].map(_without_suffix)
    absent = (in_val | in_test) - set(clip)
    if absent:
        log.warning(
            "%d clips of the published lists are not there: %s", len(absent), listed(sorted(absent))
        )
    return pd.Series(
        np.select([clip.isin(in_val), clip.isin(in_test)], ["val", "test"], "train"), clips.index
    ), ("published lists")


def split_randomly(clips: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Give 80 % of each word's clips to training, 10 % to validation and 10 % to test, as
    OpenSeq2Seq did.

    A speaker's clips may land in several splits.
    """
    order = pd.Series(rng.permutation(len(clips)), clips.index)
    place = (
        order.groupby(clips["word"]).rank(method="first").astype(int) - 1
    )  # 0 … n - 1 within each word
    n = order.groupby(clips["word"]).transform("size")
    return pd.Series(
        np.select([place < n * 8 // 10, place < n * 9 // 10], ["train", "val"], "test"), clips.index
    )


def crossing_speakers(clips: pd.DataFrame) -> list[str]:
    """Return the speakers (columns ``speaker``, ``split``) whose clips are in more than one split."""
    n_splits = clips.groupby("speaker")["split"].nunique()
    return sorted(n_splits.index[n_splits > 1])


def refuse_crossing_speakers(clips: pd.DataFrame) -> None:
    """Raise a `UserError` where a speaker's clips are in more than one split."""
    crossing = crossing_speakers(clips)
    if crossing:
        raise UserError(
            f"--split official: {len(crossing)} speakers have clips in several splits: {listed(crossing)}; "
            f"move all clips of a speaker into one of {' and '.join(PUBLISHED_LISTS.values())} or into neither, "
            "delete both lists and the splits follow from the speakers' names, or accept it with --split random"
        )


def refuse_empty_splits(
    clips: pd.DataFrame, labels: tuple[str, ...], keywords: tuple[str, ...]
) -> None:
    """Raise a `UserError` where a split has no keyword at all or a label has no training rows.

    A keyword that validation or test lacks is only warned of: its accuracy there cannot be known.
    """
    is_keyword = clips["label"].isin([labels.index(word) for word in keywords])
    for split in SPLITS:
        if not (is_keyword & (clips["split"] == split)).any():
            raise UserError(
                f"split {split!r} is empty: none of the {int(is_keyword.sum())} clips of the keywords falls there; "
                "add clips of more speakers, or use --split random"
            )
    present = set(zip(clips["split"], clips["label"], strict=True))
    for split in SPLITS:
        missing = [labels[i] for i in sorted(set(clips["label"])) if (split, i) not in present]
        if missing and split == "train":
            raise UserError(
                f"no training clips for {', '.join(missing)}: all of them fall into val or test; "
                "add clips of more speakers, leave these words out with --keywords, or use --split random"
            )
        if missing:
            log.warning("split %r has no clips of %s", split, ", ".join(missing))


def _read_list(path: Path) -> set[str]:
    """Read a list of clips, one ``word/file.wav`` per line, without the suffix: the clips may be
    FLAC.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot read the list, expected lines like 'yes/0a7c2a8d_nohash_0.wav' ({error})"
        ) from None
    return {_without_suffix(line.strip()) for line in lines if line.strip()}


def _without_suffix(path: str) -> str:
    return os.path.splitext(path)[0]
