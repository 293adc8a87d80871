"""The data layer of Google's Speech Commands, or of any folder of short clips with a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.data.source import Source
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
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
        if self.sources and not training:
            raise UserError(
                "data_layer_params/sources: for training alone; evaluation goes once through "
                "dataset_files"
            )
        if not (self.dataset_files or self.sources):
            raise UserError(
                "data_layer_params/dataset_files: expected at least one manifest, got none"
            )
        from open_seq2seq.data.dataset import Dataset

        labels = self.read_labels()
        if self.context_cut_prob and UNKNOWN not in labels:
            raise UserError(
                f"data_layer_params/context_cut_prob: words that are cut are {UNKNOWN!r}, which is "
                f"none of the labels {', '.join(labels)}; say 0"
            )
        params: ClipParams = self
        if not (training and self.augment_data):
            params = self.without_augmentation()
        contents = self.read_contents(labels)
        classes: tuple[str, ...] = ()
        if training and self.merge_unknown:
            from open_seq2seq.data.unknown_words import find_classes

            classes = find_classes(contents.table, labels)
        return Dataset(contents, labels, params, training=training, seed=seed, classes=classes)
