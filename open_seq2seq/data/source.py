"""Where clips and labels come from: manifests and the labels file beside them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from open_seq2seq.components import Group, PathText
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


# manifests are named <version>-<split>.csv
_SPLIT_ENDING = f"-({'|'.join(SPLITS)})$"


class Source(Group):
    """The clips, their labels and their order."""

    dataset_files: list[PathText] = Field(
        default=[], description="Manifests, which are read one after the other."
    )
    dataset_location: PathText | None = Field(
        default=None, description="Folder that relative dataset_files and labels_file lie in."
    )
    labels_file: PathText | None = Field(
        default=None,
        description="File with one label per line; by default <version>-labels.txt beside the "
        "first manifest.",
    )
    num_labels: int | None = Field(
        default=None, gt=0, description="Number of labels, as a check on labels_file."
    )
    merge_unknown: bool = Field(
        default=False,
        description="Whether in training each word of the label unknown, by the manifest's column "
        "word, is a class of its own; everywhere else their probabilities are summed.",
    )
    shuffle: bool = Field(
        default=False, description="Whether training takes the rows in a new order each epoch."
    )

    def read_labels(self) -> tuple[str, ...]:
        """Read the labels that belong to the manifests."""
        from open_seq2seq.data.manifests import read_labels  # pandas takes half a second

        path = self.labels_path
        labels = read_labels(path)
        if self.num_labels not in (None, len(labels)):
            raise UserError(
                f"data_layer_params/num_labels: {self.num_labels}, but {path} has {len(labels)} "
                "labels; leave num_labels out to take what the file says"
            )
        return labels

    def read_rows(self, labels: tuple[str, ...] | None) -> pd.DataFrame:
        """Read all manifests into one table, as `manifests.read_manifests` returns it."""
        from open_seq2seq.data.manifests import read_manifests

        return read_manifests([self._locate(name) for name in self.dataset_files], labels)

    def manifest_paths(self) -> list[str]:
        """Return the absolute paths of the manifests."""
        return [os.path.abspath(self._locate(name)) for name in self.dataset_files]

    @property
    def labels_path(self) -> Path:
        """Where the labels file is."""
        if self.labels_file is not None:
            return self._locate(self.labels_file)
        if not self.dataset_files:
            raise UserError("data_layer_params: neither dataset_files nor labels_file is given")
        first = self._locate(self.dataset_files[0])
        return first.with_name(re.sub(_SPLIT_ENDING, "", first.stem) + "-labels.txt")

    def _locate(self, name: str) -> Path:
        return Path(self.dataset_location or "", name)
