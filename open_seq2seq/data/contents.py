"""What a dataset is made of: the rows of its sources, their labels and their shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.data.manifests import read_manifests
from open_seq2seq.data.mixture import Mixture
from open_seq2seq.data.running_speech import find_speech
from open_seq2seq.data.weighted_source import WeightedSource
from open_seq2seq.errors import UserError, counted


class Part(NamedTuple):
    """A source, once it is read."""

    name: str  # for messages
    weight: float = 1.0
    loss_weight: float = 1.0
    recordings: tuple[str, ...] = ()  # of running speech; empty for a source of manifests


class Contents(NamedTuple):
    """The rows of all sources. Running speech is one row, whose path is the name of its source."""

    table: pd.DataFrame  # columns label, path, word, speaker, and part: index of the source
    parts: tuple[Part, ...]
    rows_per_epoch: int | None = None

    @classmethod
    def of(
        cls,
        sources: Mapping[str, WeightedSource],
        labels: tuple[str, ...],
        rows_per_epoch: int | None = None,
    ) -> Contents:
        """Read sources, whose paths are complete.

        Args:
            sources: by their names in messages; those of weight 0 are left out.
            labels: of the labels file.
            rows_per_epoch: None for as many as show the rows of the first source once.

        Raises:
            UserError: a manifest or a folder cannot be used, or a label is none of ``labels``.
        """
        used = {name: source for name, source in sources.items() if source.weight}
        if all(source.recordings is not None for source in used.values()):
            raise UserError(
                "data_layer_params/sources: all of them are recordings; name manifests with the "
                "keywords in dataset_files"
            )
        tables, parts = [], []
        for index, (name, source) in enumerate(used.items()):
            part = Part(name, source.weight, source.loss_weight)
            if source.recordings is None:
                table = read_manifests([Path(path) for path in source.dataset_files], labels)
                if not source.own_classes:
                    table = table.assign(word="")
            else:
                part = part._replace(
                    recordings=find_speech(f"{name}/recordings", source.recordings)
                )
                label = _label(name, source.label, labels)
                row = {"label": label, "path": name, "word": "", "speaker": ""}
                table = pd.DataFrame([row])
            tables.append(table.assign(part=index))
            parts.append(part)
        return cls(pd.concat(tables, ignore_index=True), tuple(parts), rows_per_epoch)

    @property
    def is_speech(self) -> np.ndarray:
        """Which rows are running speech, bool [rows]."""
        return np.array([bool(part.recordings) for part in self.parts])[self.table["part"]]

    def mixture(self, parts: np.ndarray) -> Mixture:
        """Return the shares of an epoch.

        Args:
            parts: int [rows], the source of each row that can be used.

        Raises:
            UserError: a source has no row that can be used, or none in an epoch.
        """
        sizes = np.bincount(parts, minlength=len(self.parts)).tolist()
        mixture = Mixture.of(sizes, [part.weight for part in self.parts], self.rows_per_epoch)
        for part, size, count in zip(self.parts, sizes, mixture.counts, strict=True):
            if not size:
                raise UserError(f"{part.name}: none of its audio files can be used")
            if not count:
                raise UserError(
                    f"{part.name}: its weight {part.weight:g} gives it none of the "
                    f"{counted(mixture.n_slots, 'row')} of an epoch; raise it, or say 0"
                )
        return mixture


def _label(name: str, label: str, labels: tuple[str, ...]) -> int:
    if label not in labels:
        raise UserError(f"{name}/label: {label!r} is no label; the labels are {', '.join(labels)}")
    return labels.index(label)
