"""The data layer of Google's Speech Commands, or of any folder of short clips with a manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.source import Source
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from open_seq2seq.data.dataset import Dataset  # pandas, which it needs, takes half a second


class SpeechCommandsDataLayer(Source, ClipParams):
    """From audio files to images of log-mel energies or MFCC, by default 128 frames x 128 bands.

    Clips are read, augmented, transformed, sliced or padded, and kept in a cache if asked.
    """

    model_format: Literal["resnet", "jasper"] = Field(
        default="resnet",
        description="Accepted for OpenSeq2Seq's configs, without effect: images are "
        "[frames, features] for every encoder.",
    )

    def open(self, *, training: bool, seed: int) -> Dataset:
        """Read the manifests, check every file and return the dataset.

        Args:
            training: whether clips are augmented (if ``augment_data``) and long ones sliced at
                random.
            seed: of everything random.

        Raises:
            UserError: a labels file, manifest or clip is missing or unusable.
        """
        if not self.dataset_files:
            raise UserError(
                "data_layer_params/dataset_files: expected at least one manifest, got none"
            )
        labels = self.read_labels()
        return self._open(self.read_rows(labels), labels, training=training, seed=seed)

    def open_clips(
        self,
        paths: list[str],
        labels: tuple[str, ...],
        contents: Mapping[str, bytes] | None = None,
    ) -> Dataset:
        """Make a dataset of single files whose labels are not known, for inference.

        Args:
            paths: of the files.
            labels: what the network tells apart.
            contents: audio files in memory, by path; the others are on the disk.
        """
        import pandas as pd

        for path in paths:
            if path not in (contents or {}) and not os.path.isfile(path):
                raise UserError(f"{path}: no such audio file")
        table = pd.DataFrame({"label": 0, "path": paths})
        options = {"contents": contents, "of_any_length": True}
        return self._open(table, labels, training=False, seed=0, **options)

    def _open(
        self,
        table: pd.DataFrame,
        labels: tuple[str, ...],
        *,
        training: bool,
        seed: int,
        **options: Any,
    ) -> Dataset:
        from open_seq2seq.data.dataset import Dataset

        params: ClipParams = self
        if not (training and self.augment_data):
            params = self.without_augmentation()
        return Dataset(table, labels, params, training=training, seed=seed, **options)
