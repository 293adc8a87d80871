"""Where clips and labels come from: manifests, the labels file beside them, and their shares."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from open_seq2seq.components import Group, PathText
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.data.weighted_source import WeightedSource
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from open_seq2seq.data.contents import Contents


# manifests are named <version>-<split>.csv
_SPLIT_ENDING = f"-({'|'.join(SPLITS)})$"


class Source(Group):
    """The clips, their labels and their order."""

    dataset_files: list[PathText] = Field(
        default=[], description="Manifests, which are read one after the other."
    )
    sources: list[WeightedSource] = Field(
        default=[],
        description="Sources of training clips besides dataset_files, each with its share of an "
        "epoch; see WeightedSource below.",
    )
    rows_per_epoch: int | None = Field(
        default=None,
        gt=0,
        description="Rows of an epoch where there are sources; by default as many as show each "
        "row of the first source once.",
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

    @model_validator(mode="after")
    def _check_sources(self) -> Source:
        if self.rows_per_epoch is not None and not self.sources:
            raise ValueError("rows_per_epoch is for several sources; name them in sources")
        if self.sources and not self.dataset_files and not any(s.weight for s in self.sources):
            raise ValueError("sources: every weight is 0; give one that is above 0")
        return self

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
        """Read dataset_files into one table, as `manifests.read_manifests` returns it."""
        from open_seq2seq.data.manifests import read_manifests

        return read_manifests([self._locate(name) for name in self.dataset_files], labels)

    def read_contents(self, labels: tuple[str, ...]) -> Contents:
        """Read all sources.

        Raises:
            UserError: a manifest or a recording cannot be used, or a label is none of ``labels``.
        """
        from open_seq2seq.data.contents import Contents

        return Contents.of(self.all_sources(), labels, self.rows_per_epoch)

    def all_sources(self) -> dict[str, WeightedSource]:
        """Return the sources by their names in messages; dataset_files is the first, of weight 1.

        Their paths are complete.
        """
        sources = {f"sources[{index}]": source for index, source in enumerate(self.sources)}
        if self.dataset_files:
            sources = {"dataset_files": WeightedSource(dataset_files=self.dataset_files)} | sources
        return {
            f"data_layer_params/{name}": source.model_copy(
                update={
                    "dataset_files": [str(self._locate(file)) for file in source.dataset_files],
                    "recordings": source.recordings and str(self._locate(source.recordings)),
                }
            )
            for name, source in sources.items()
        }

    def manifest_paths(self) -> list[str]:
        """Return the absolute paths of the manifests."""
        named = (source.dataset_files for source in self.all_sources().values())
        return [os.path.abspath(path) for paths in named for path in paths]

    @property
    def labels_path(self) -> Path:
        """Where the labels file is."""
        if self.labels_file is not None:
            return self._locate(self.labels_file)
        manifests = self.manifest_paths()
        if not manifests:
            raise UserError("data_layer_params: neither dataset_files nor labels_file is given")
        first = Path(manifests[0])
        return first.with_name(re.sub(_SPLIT_ENDING, "", first.stem) + "-labels.txt")

    def _locate(self, name: str) -> Path:
        return Path(self.dataset_location or "", name)
