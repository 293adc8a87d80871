"""Words of the label unknown that are classes of their own in training."""

from __future__ import annotations

import numpy as np
import pandas as pd

from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.errors import UserError

# what unknown's rows have for a word where nobody knows it
_NO_WORD = ("", UNKNOWN)


def find_classes(table: pd.DataFrame, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of the label unknown that a table has, sorted: the classes beyond labels.

    Args:
        table: as `manifests.read_manifests` returns it.
        labels: that its column ``label`` indexes.

    Raises:
        UserError: there is no label unknown, or no word of it.
    """
    if UNKNOWN not in labels:
        raise UserError(
            f"data_layer_params/merge_unknown: there is no label {UNKNOWN!r}, whose words would be "
            f"classes; the labels are {' '.join(labels)}. Leave merge_unknown out"
        )
    words = set(table["word"][table["label"] == labels.index(UNKNOWN)]) - set(_NO_WORD)
    if not words:
        raise UserError(
            f"data_layer_params/merge_unknown: no row of the label {UNKNOWN!r} has a word in the "
            "manifest's column 'word'; fill it in, or leave merge_unknown out"
        )
    return tuple(sorted(words))


def class_indices(
    table: pd.DataFrame, labels: tuple[str, ...], classes: tuple[str, ...]
) -> np.ndarray:
    """Return the class of each row, int32 [rows]: its label, or a word of unknown.

    Args:
        table: as `manifests.read_manifests` returns it.
        labels: the first classes.
        classes: the others, as `find_classes` returns them; there may be none.
    """
    rows = table["label"].to_numpy(np.int32)
    if not classes:
        return rows
    others = table["word"].map({word: len(labels) + i for i, word in enumerate(classes)})
    is_other = (rows == labels.index(UNKNOWN)) & others.notna().to_numpy()
    return np.where(is_other, others.fillna(0).to_numpy(), rows).astype(np.int32)
