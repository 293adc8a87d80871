"""Split clips into training, validation and test."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd

from open_seq2seq.data.official_split import PUBLISHED_LISTS, SPLITS, official_split
from open_seq2seq.errors import UserError, counted
from open_seq2seq.preprocessing.dataset import listed

_BOTH_LISTS = " and ".join(PUBLISHED_LISTS.values())

logger = logging.getLogger(__name__)


def split_officially(clips: pd.DataFrame, data_dir: Path) -> tuple[pd.Series, str]:
    """Return each clip's split, from the published lists or else the SHA-1 rule on its speaker.

    Args:
        clips: a table of all clips, with columns ``speaker`` and ``path``.
        data_dir: the dataset, with or without ``validation_list.txt`` and ``testing_list.txt``.

    Returns:
        the split of each clip, and the rule in words.

    Raises:
        UserError: one of the lists is missing or cannot be read, or a clip is in both.
    """
    paths = [data_dir / name for name in PUBLISHED_LISTS.values()]
    present = [path for path in paths if path.exists()]
    if not present:
        by_speaker = {speaker: official_split(speaker) for speaker in clips["speaker"].unique()}
        return clips["speaker"].map(by_speaker), "SHA-1 of the speaker"
    if len(present) == 1:
        raise UserError(
            f"{present[0]}: the other list is missing, expected {_BOTH_LISTS} or neither; "
            "restore it, or delete this list to split by the hash of the speaker"
        )
    in_val, in_test = map(_read_list, paths)
    in_both = sorted(in_val & in_test)
    if in_both:
        raise UserError(
            f"clips in both {_BOTH_LISTS}: {listed(in_both)}; delete them from one of the lists"
        )
    names = clips["path"].map(_without_suffix)
    missing = (in_val | in_test) - set(names)
    if missing:
        logger.warning(
            "%s of the published lists are missing: %s",
            counted(len(missing), "clip"),
            listed(sorted(missing)),
        )
    splits = np.select([names.isin(in_val), names.isin(in_test)], ["val", "test"], "train")
    return pd.Series(splits, clips.index), "published lists"


def split_randomly(clips: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Split each word's clips at random: 80 % training, 10 % validation, 10 % test.

    OpenSeq2Seq splits so. A speaker's clips can be in several splits.
    """
    by_word = pd.Series(rng.permutation(len(clips)), clips.index).groupby(clips["word"])
    rank = by_word.rank(method="first").astype(int) - 1  # 0 … n - 1 within each word
    n = by_word.transform("size")
    splits = np.select([rank < n * 8 // 10, rank < n * 9 // 10], ["train", "val"], "test")
    return pd.Series(splits, clips.index)


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
            f"{listed(crossing)}; put all clips of a speaker in one of {_BOTH_LISTS} or in "
            "neither, delete both lists to split by the hash of the speaker, or use --split random"
        )


def refuse_empty_splits(
    clips: pd.DataFrame, labels: tuple[str, ...], keywords: tuple[str, ...]
) -> None:
    """Raise a `UserError` if a split has no keyword at all or a label has no training clips.

    A label without validation or test clips is only warned of.
    """
    is_keyword = clips["label"].isin([labels.index(word) for word in keywords])
    for split in SPLITS:
        if not (is_keyword & (clips["split"] == split)).any():
            raise UserError(
                f"split {split!r} has none of the {int(is_keyword.sum())} clips of the keywords; "
                "add clips of more speakers, or use --split random"
            )
    present = set(zip(clips["split"], clips["label"], strict=True))
    for split in SPLITS:
        missing = [labels[i] for i in sorted(set(clips["label"])) if (split, i) not in present]
        if missing and split == "train":
            raise UserError(
                f"no training clips for {', '.join(missing)}: all are in validation or test; add "
                "clips of more speakers, leave these words out with --keywords, or use "
                "--split random"
            )
        if missing:
            logger.warning("split %r has no clips of %s", split, ", ".join(missing))


def _read_list(path: Path) -> set[str]:
    """Return the lines ``word/file.wav`` of a list, without .wav, as the clips may be FLAC."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot read the list ({error}); "
            "expected UTF-8 lines like 'yes/0a7c2a8d_nohash_0.wav'"
        ) from None
    return {_without_suffix(line.strip()) for line in lines if line.strip()}


def _without_suffix(path: str) -> str:
    return os.path.splitext(path)[0]
