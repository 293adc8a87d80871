"""What is known of each row of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.contents import Contents
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.unknown_words import class_indices
from open_seq2seq.errors import UserError

NO_FILE = -1  # of running speech, in place of a file's index


class Rows(NamedTuple):
    """Arrays of one length."""

    files: np.ndarray  # int, index of the file, `NO_FILE` for running speech
    parts: np.ndarray  # int, index of the source
    labels: np.ndarray  # int32
    classes: np.ndarray  # int32, the label or a word of unknown
    loss_weights: np.ndarray  # float32
    paths: np.ndarray  # object: str; of running speech the name of the source
    words: np.ndarray  # object: str, what is said; "" where the manifest does not say
    speakers: np.ndarray  # object: str, the same

    @classmethod
    def of(
        cls,
        contents: Contents,
        labels: tuple[str, ...],
        classes: tuple[str, ...],
        numbers: np.ndarray,
        bad: Collection[int],
    ) -> Rows:
        """Return the rows that can be used.

        Args:
            contents: all rows.
            labels: names of the labels.
            classes: words of unknown that are classes of their own.
            numbers: int, the file of each row that is a clip.
            bad: files that cannot be used.

        Raises:
            UserError: none is left.
        """
        table = contents.table
        files = np.full(len(table), NO_FILE)
        files[~contents.is_speech] = numbers
        is_usable = ~np.isin(files, list(bad))
        if not is_usable.any():
            raise UserError("the dataset is empty: none of its audio files can be used")
        parts = table["part"].to_numpy()
        loss_weights = np.array([part.loss_weight for part in contents.parts], np.float32)
        columns = (
            files,
            parts,
            table["label"].to_numpy(np.int32),
            class_indices(table, labels, classes),
            loss_weights[parts],
            *(table[name].to_numpy(object) for name in ("path", "word", "speaker")),
        )
        return cls(*(column[is_usable] for column in columns))

    @property
    def is_clip(self) -> np.ndarray:
        """Which rows are clips, not running speech, bool [rows]."""
        return self.files != NO_FILE

    def is_keyword(self, labels: tuple[str, ...]) -> np.ndarray:
        """Tell which rows are of a keyword, bool [rows]."""
        return np.array([label not in (UNKNOWN, SILENCE) for label in labels])[self.labels]


def number(paths: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each path, and the distinct paths in the order of their numbers.

    pandas before 3.0 takes all names that are not UTF-8 for the same one.
    """
    numbers: dict[str, int] = {}
    files = np.array([numbers.setdefault(path, len(numbers)) for path in paths], int)
    return files, np.array(list(numbers), dtype=object)
