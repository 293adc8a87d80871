"""The data layer of Google's Speech Commands, or of any folder of short clips with a manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.source import Source
from open_seq2seq.errors import UserError
from open_seq2seq.system.paths import expand_home

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
        """Make a dataset of files whose labels are not known, for inference.

        Args:
            paths: of audio files, of folders of them, and of manifests (``.csv``), whose labels are
                not looked at.
            labels: what the network tells apart.
            contents: audio files in memory, by path; the others are on the disk.
        """
        import pandas as pd

        contents = contents or {}
        files: list[str] = []
        for path in paths:
            files += [path] if path in contents else _files_of(expand_home(path))
        table = pd.DataFrame({"label": 0, "path": files})
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


def _files_of(path: str) -> list[str]:
    """Return the audio files that a path stands for: itself, or those of a folder or a manifest."""
    if os.path.isdir(path):
        try:
            files = find_audio(path)
        except OSError as error:
            raise UserError(
                f"{error.filename}: cannot read this folder ({error.strerror}); "
                "make it readable, or name the files"
            ) from None
        if not files:
            raise UserError(f"{path}: no audio files in this folder; name another, or files")
        return files
    if path.lower().endswith(".csv"):
        from open_seq2seq.data.manifests import read_manifests

        return list(read_manifests([Path(path)], None)["path"])
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such audio file")
    return [path]
