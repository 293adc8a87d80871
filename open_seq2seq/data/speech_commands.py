"""The data layer of Google's Speech Commands, or of any folder of short clips with a manifest."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from open_seq2seq.components import Params
from open_seq2seq.data.augment import Augmentation, FrontEndParams
from open_seq2seq.data.features import LOG_FLOOR
from open_seq2seq.data.spec_augment import SpecAugment
from open_seq2seq.errors import UserError
from open_seq2seq.system.cores import n_cores

if TYPE_CHECKING:
    import pandas as pd

    from open_seq2seq.data.dataset import Dataset


# the parameters that an evaluated clip's image depends on
_FRONT_END = {
    "features",
    "num_audio_features",
    "num_mels",
    "audio_length",
    "sample_rate",
    "n_fft",
    "win_length",
    "hop_length",
    "fmin",
    "fmax",
    "frame_padding",
    "pad_value",
    "pad_side",
}


class SpeechCommandsDataLayer(Params):
    """Clips to images of log-mel or MFCC, 128x128 by default: read, augment, transform, slice or
    pad, keep.
    """

    dataset_files: list[str] = Field(
        default=[], description="Manifests; all of them are read, one after the other."
    )
    dataset_location: str | None = Field(
        default=None, description="Folder that relative dataset_files and labels_file lie in."
    )
    labels_file: str | None = Field(
        default=None,
        description="One label per line; by default <version>-labels.txt beside the first manifest.",
    )
    num_labels: int | None = Field(
        default=None, gt=0, description="Number of labels, as a check on labels_file."
    )
    features: Literal["log_mel", "mfcc"] = Field(
        default="log_mel",
        description="Log-mel energies, or their cosine transform as torchaudio defines it.",
    )
    num_audio_features: int = Field(
        default=128, gt=0, description="Mel bands, or MFCC coefficients."
    )
    num_mels: int | None = Field(
        default=None, gt=0, description="Mel bands of MFCC; by default num_audio_features."
    )
    audio_length: int = Field(
        default=128, gt=0, description="Frames of an image; clips are sliced or padded to it."
    )
    sample_rate: int = Field(
        default=16000, gt=0, description="Hz; files at other rates are resampled."
    )
    n_fft: int = Field(
        default=1024, gt=1, multiple_of=2, description="FFT length in samples, an even number."
    )
    win_length: int | None = Field(
        default=None, gt=1, description="Window length in samples; by default n_fft."
    )
    hop_length: int = Field(
        default=125,
        gt=0,
        description="Samples from frame to frame; 125 makes 129 frames of a second.",
    )
    fmin: float = Field(default=0.0, ge=0, description="Lowest mel band edge in Hz.")
    fmax: float | None = Field(
        default=None, gt=0, description="Highest mel band edge in Hz; by default half the rate."
    )
    frame_padding: Literal["zeros", "reflect"] = Field(
        default="zeros",
        description="What frames that reach over a clip's ends see: silence, or the clip mirrored.",
    )
    pad_value: float | None = Field(
        default=None,
        description="Put around short clips: by default the log floor, which is silence, or 0.0 for MFCC. For log-mel "
        "0.0 is OpenSeq2Seq's loud padding.",
    )
    pad_side: Literal["both", "end"] = Field(
        default="both",
        description="Where: 'end' tells encoders with use_conv_mask how long each clip is.",
    )
    model_format: Literal["resnet", "jasper"] = Field(
        default="resnet",
        description="Kept for OpenSeq2Seq's configs: images are [frames, features] for every encoder.",
    )
    shuffle: bool = Field(
        default=False, description="Whether training takes the rows in a new order each epoch."
    )
    augment_data: bool = Field(default=False, description="Whether clips are changed at random.")
    augment_prob: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the clips whose sound is changed; the others stay as they are.",
    )
    augmentation: Literal["spectral", "librosa"] = Field(
        default="spectral",
        description="Engine: batched TensorFlow on the model's device, or librosa on the host.",
    )
    pitch_shift: float = Field(
        default=2.0,
        ge=0,
        le=12,
        description="Largest pitch shift, up or down, in semitones; drawn in eighths.",
    )
    time_stretch: float = Field(
        default=0.2, ge=0, lt=0.9, description="Largest change of speed, as a share."
    )
    noise_level_min: float = Field(
        default=-90.0, le=0, description="Lowest level of added white noise, dB."
    )
    noise_level_max: float | None = Field(
        default=-46.0, le=0, description="Highest level of added white noise, dB; None: no noise."
    )
    background_noise: str | None = Field(
        default=None,
        description="Folder of recorded noise that is mixed in; the preprocessing makes <version>-noise.",
    )
    background_noise_prob: float = Field(
        default=0.8, ge=0, le=1, description="Share of the clips that get it."
    )
    background_noise_volume: float = Field(
        default=0.1, ge=0, description="Its largest factor; drawn from 0 on."
    )
    time_shift_ms: float = Field(
        default=0.0, ge=0, description="Largest shift in time, either way."
    )
    time_masks: int = Field(
        default=0, ge=0, description="SpecAugment: runs of frames that are covered."
    )
    time_mask_width: int = Field(default=25, ge=0, description="Longest of them, in frames.")
    freq_masks: int = Field(
        default=0, ge=0, description="SpecAugment: runs of features that are covered."
    )
    freq_mask_width: int = Field(default=15, ge=0, description="Widest of them, in features.")
    cutouts: int = Field(default=0, ge=0, description="SpecCutout: rectangles that are covered.")
    cutout_time: int = Field(default=25, ge=0, description="Longest of them, in frames.")
    cutout_freq: int = Field(default=15, ge=0, description="Widest of them, in features.")
    mask_value: float | None = Field(
        default=None, description="What covers them; by default pad_value."
    )
    mixup_alpha: float = Field(
        default=0.0,
        ge=0,
        description="Training clips are mixed in pairs, in shares from Beta(alpha, alpha); 0: not.",
    )
    cache_data: bool | Literal["waveforms", "images"] = Field(
        default=False,
        description="'waveforms': decode once, augment afresh each epoch; 'images' or True: keep the first epoch's.",
    )
    cache_dir: str | None = Field(
        default=None, description="Folder for the cache; by default it is kept in memory."
    )
    on_bad_audio: Literal["stop", "skip"] = Field(
        default="stop", description="What to do with unreadable clips."
    )
    num_readers: int = Field(
        default=0, ge=0, description="Threads that read audio; 0: one per core."
    )

    @model_validator(mode="after")
    def _check_signal(self) -> SpeechCommandsDataLayer:
        if (self.win_length or 0) > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        half = self.sample_rate / 2
        if not self.fmin < (self.fmax or half) <= half:
            raise ValueError(
                f"fmax must lie between fmin {self.fmin} and {half} Hz, got {self.fmax or half}"
            )
        if self.num_mels is not None and self.features == "log_mel":
            raise ValueError(
                "num_mels is for 'features': 'mfcc'; log-mel has num_audio_features bands"
            )
        if self.features == "mfcc" and self.num_audio_features > (
            self.num_mels or self.num_audio_features
        ):
            raise ValueError(
                f"{self.num_audio_features} MFCC need as many mel bands, num_mels is {self.num_mels}"
            )
        if self.noise_level_max is not None and self.noise_level_min > self.noise_level_max:
            raise ValueError(
                f"noise_level_min {self.noise_level_min} is above noise_level_max {self.noise_level_max}"
            )
        return self

    def read_labels(self) -> tuple[str, ...]:
        """Read the labels that belong to the manifests."""
        from open_seq2seq.data.manifests import read_labels  # pandas takes half a second

        path = self.labels_path
        labels = read_labels(path)
        if self.num_labels not in (None, len(labels)):
            raise UserError(
                f"data_layer_params/num_labels: {self.num_labels}, but {path} has {len(labels)} labels; "
                "leave num_labels out to take what the file says"
            )
        return labels

    @property
    def labels_path(self) -> Path:
        """Where the labels stand."""
        if self.labels_file is not None:
            return self._locate(self.labels_file)
        if not self.dataset_files:
            raise UserError("data_layer_params: neither dataset_files nor labels_file is given")
        first = self._locate(self.dataset_files[0])
        return first.with_name(re.sub(r"-(train|val|test)$", "", first.stem) + "-labels.txt")

    def _locate(self, name: str) -> Path:
        return Path(self.dataset_location or "", name)

    def open(self, *, training: bool, seed: int) -> Dataset:
        """Read the manifests, check every file and return the dataset.

        Args:
            training: whether clips are augmented (if ``augment_data``) and long ones sliced at
                random.
            seed: of everything random.

        Raises:
            UserError: a labels file, manifest or clip is missing or unusable.
        """
        from open_seq2seq.data.manifests import read_manifests

        if not self.dataset_files:
            raise UserError(
                "data_layer_params/dataset_files: expected at least one manifest, got none"
            )
        labels = self.read_labels()
        table = read_manifests([self._locate(name) for name in self.dataset_files], labels)
        return self._open(table, labels, training=training, seed=seed)

    def open_clips(self, paths: list[str], labels: tuple[str, ...]) -> Dataset:
        """Make a dataset of single files whose labels are not known, for inference."""
        import pandas as pd

        for path in paths:
            if not os.path.isfile(path):
                raise UserError(f"{path}: no such audio file")
        return self._open(pd.DataFrame({"label": 0, "path": paths}), labels, training=False, seed=0)

    def front_end(self, *, training: bool, seed: int) -> FrontEndParams:
        """Return what the augmentation engines need to know."""
        augmentation = Augmentation()
        if training and self.augment_data:
            noise_db = (
                None
                if self.noise_level_max is None
                else (self.noise_level_min, self.noise_level_max)
            )
            shift = round(self.time_shift_ms * self.sample_rate / 1000)
            augmentation = Augmentation(
                self.pitch_shift, self.time_stretch, noise_db, shift, prob=self.augment_prob
            )
            if self.background_noise is not None:
                augmentation = augmentation._replace(
                    background_prob=self.background_noise_prob,
                    background_volume=self.background_noise_volume,
                )
        return FrontEndParams(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            win_length=self.win_length or self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.num_mels or self.num_audio_features,
            n_mfcc=self.num_audio_features if self.features == "mfcc" else None,
            reflect=self.frame_padding == "reflect",
            fmin=self.fmin,
            fmax=self.fmax,
            audio_length=self.audio_length,
            pad_value=self._pad_value,
            pad_at_end=self.pad_side == "end",
            augmentation=augmentation,
            seed=seed,
        )

    @property
    def _pad_value(self) -> float:
        if self.pad_value is not None:
            return self.pad_value
        return float(np.log(LOG_FLOOR)) if self.features == "log_mel" else 0.0

    def _find_background(self) -> tuple[str, ...]:
        if self.background_noise is None:
            return ()
        folder = Path(self.background_noise)
        found = sorted(
            str(path) for path in folder.glob("*") if path.suffix.lower() in (".wav", ".flac")
        )
        if not found:
            raise UserError(
                f"data_layer_params/background_noise: no recordings (.wav or .flac) in {folder}; "
                "open-seq2seq-prepare makes it of a dataset with _background_noise_, or say None"
            )
        return tuple(found)

    def _spec_augment(self, *, training: bool) -> SpecAugment:
        if not (training and self.augment_data):
            return SpecAugment()
        return SpecAugment(
            time_masks=self.time_masks,
            time_width=self.time_mask_width,
            freq_masks=self.freq_masks,
            freq_width=self.freq_mask_width,
            cutouts=self.cutouts,
            cutout_time=self.cutout_time,
            cutout_freq=self.cutout_freq,
            mask_value=self._pad_value if self.mask_value is None else self.mask_value,
        )

    def front_end_parameters(self) -> dict[str, Any]:
        """Return the parameters that decide what a network sees of a clip, in JSON's types."""
        return self.model_dump(mode="json", include=_FRONT_END, exclude_unset=True)

    def _open(
        self, table: pd.DataFrame, labels: tuple[str, ...], *, training: bool, seed: int
    ) -> Dataset:
        from open_seq2seq.data.dataset import Dataset, DatasetOptions
        from open_seq2seq.data.waveforms import StoreOptions

        front_end = self.front_end(training=training, seed=seed)
        keep_images = self.cache_data in (True, "images")
        return Dataset(
            table,
            labels,
            DatasetOptions(
                front_end=front_end,
                store=StoreOptions(
                    sample_rate=self.sample_rate,
                    n_samples=front_end.n_samples,
                    alignment=self.hop_length,
                    keep=self.cache_data == "waveforms",
                    cache_dir=self.cache_dir,
                    on_bad_audio=self.on_bad_audio,
                    n_readers=self.num_readers or n_cores(),
                ),
                engine=self.augmentation,
                spec_augment=self._spec_augment(training=training),
                mixup_alpha=self.mixup_alpha if training and self.augment_data else 0.0,
                background_files=self._find_background() if training and self.augment_data else (),
                random_crop=training,
                keep_images=keep_images,
                image_dir=self.cache_dir if keep_images else None,
            ),
        )
