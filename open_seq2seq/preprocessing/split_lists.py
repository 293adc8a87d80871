"""The lists of validation and test clips that a dataset may have."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd

from open_seq2seq.data.official_split import PUBLISHED_LISTS
from open_seq2seq.data.words import as_word
from open_seq2seq.errors import UserError, named
from open_seq2seq.system.files import check_text
from open_seq2seq.system.paths import NAME_ERRORS

BOTH_LISTS = " and ".join(PUBLISHED_LISTS.values())

logger = logging.getLogger(__name__)


def split_by_lists(clips: pd.DataFrame, data_dir: Path) -> pd.Series | None:
    """Return each clip's split by ``validation_list.txt`` and ``testing_list.txt``.

    A line is ``<word>/<file>``; folders before these are ignored, and slashes may lean either way.
    The ending may be another one, as the clips may have been converted; where the lists name files
    that differ in their endings alone, each means its own.

    Args:
        clips: a table of all clips, with column ``path``.
        data_dir: the dataset.

    Returns:
        the splits, or None if there are no lists.

    Raises:
        UserError: one of the lists is missing or cannot be read, a clip is in both, or no line
            names a clip.
    """
    paths = [data_dir / name for name in PUBLISHED_LISTS.values()]
    present = [path for path in paths if path.exists()]
    if not present:
        return None
    if len(present) == 1:
        raise UserError(
            f"{present[0]}: the other list is missing, expected {BOTH_LISTS} or neither; "
            "restore it, or delete this list to split by the hash of the speaker"
        )
    in_lists = val, test = [_read_list(path) for path in paths]
    names = clips["path"].map(_key)
    stems = names.map(_without_suffix)
    is_named = [names.isin(lines) for lines in in_lists]
    is_meant = [stems.isin(set(map(_without_suffix, lines))) for lines in in_lists]
    in_val = is_named[0] | (is_meant[0] & ~is_named[1])
    in_test = is_named[1] | (is_meant[1] & ~is_named[0])
    in_both = clips.loc[in_val & in_test, "path"]
    if len(in_both):
        raise UserError(
            f"clips in both {BOTH_LISTS}: {named(in_both)}; delete them from one of the lists"
        )
    lines, known = val | test, set(stems)
    missing = sorted(line for line in lines if _without_suffix(line) not in known)
    if lines and len(missing) == len(lines):
        raise UserError(
            f"{data_dir}: none of the {len(lines):,} lines of {BOTH_LISTS} is a clip: "
            f"{named(missing)}; expected lines such as {named(clips['path'].head(1))}; correct the "
            "lists, or delete both to split by the hash of the speaker"
        )
    if missing:
        logger.warning(
            "%d clips of the published lists are missing: %s", len(missing), named(missing)
        )
    return pd.Series(np.select([in_val, in_test], ["val", "test"], "train"), clips.index)


def _read_list(path: Path) -> set[str]:
    """Return what the lines of a list name."""
    try:
        check_text(path)
        # not splitlines(), which takes more characters for the end of a line
        lines = path.read_text(encoding="utf-8-sig", errors=NAME_ERRORS).split("\n")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot read the list ({error}); "
            "expected UTF-8 lines like 'yes/0a7c2a8d_nohash_0.wav'"
        ) from None
    return {_key(line) for line in lines if line.strip()}


def _key(path: str) -> str:
    """Return ``<word>/<file>``, so that paths of the lists and of the clips can be compared."""
    return "/".join(map(as_word, path.replace("\\", "/").split("/")[-2:]))


def _without_suffix(path: str) -> str:
    return os.path.splitext(path)[0]
