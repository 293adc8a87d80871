"""Parameters of the front end, and how much of a clip and its image has to be computed."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from open_seq2seq.components import Group
from open_seq2seq.data.features import LOG_FLOOR, count_empty_bands, count_frames, mel_filter_bank

_MUCH_LONGER = 1.25  # times the image; a clip's ends are often silence
_LARGEST_BLOCK = 32  # samples; a stretched frame is off by half a block at most


class FrontEnd(Group):
    """From a waveform to an image [frames, features]: what a network sees of a clip."""

    features: Literal["log_mel", "mfcc"] = Field(
        default="log_mel",
        description="Log-mel energies, or MFCC, their cosine transform as torchaudio defines it.",
    )
    num_audio_features: int = Field(
        default=128, gt=0, description="Number of features: mel bands, or MFCC coefficients."
    )
    num_mels: int | None = Field(
        default=None,
        gt=0,
        description="Mel bands that MFCC are computed from; by default num_audio_features.",
    )
    audio_length: int = Field(
        default=128, gt=0, description="Frames of an image; clips are sliced or padded to it."
    )
    sample_rate: int = Field(
        default=16000, gt=0, description="Sample rate in Hz; files at other rates are resampled."
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
        description="Samples from frame to frame; 125 makes 129 frames of one second at 16 kHz.",
    )
    fmin: float = Field(default=0.0, ge=0, description="Lowest mel band edge in Hz.")
    fmax: float | None = Field(
        default=None,
        gt=0,
        description="Highest mel band edge in Hz; by default half the sample rate.",
    )
    frame_padding: Literal["zeros", "reflect"] = Field(
        default="zeros",
        description="What frames see beyond a clip's ends: zeros, or the clip mirrored.",
    )
    pad_value: float | None = Field(
        default=None,
        description="Value of the frames around a short clip; by default the log floor, which is "
        "silence, or 0.0 for MFCC. For log-mel 0.0 is OpenSeq2Seq's loud padding.",
    )
    pad_side: Literal["both", "end"] = Field(
        default="both",
        description="Where a short clip is padded; 'end' tells encoders with use_conv_mask how "
        "long each clip is.",
    )

    @model_validator(mode="after")
    def _check_signal(self) -> FrontEnd:
        if self.window_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        half = self.sample_rate / 2
        fmax = self.fmax or half
        if not self.fmin < fmax <= half:
            raise ValueError(f"fmax must lie between fmin {self.fmin} and {half} Hz, got {fmax}")
        if self.num_mels is not None and self.features == "log_mel":
            raise ValueError(
                "num_mels is for 'features': 'mfcc'; log-mel has num_audio_features bands"
            )
        if self.num_audio_features > self.n_mels:
            raise ValueError(
                f"{self.num_audio_features} MFCC need as many mel bands, "
                f"num_mels is {self.num_mels}"
            )
        return self

    @property
    def n_mels(self) -> int:
        return self.num_mels or self.num_audio_features

    @property
    def window_length(self) -> int:
        """Samples of the window."""
        return self.win_length or self.n_fft

    @property
    def fill_value(self) -> float:
        """What the frames around a short clip hold."""
        if self.pad_value is not None:
            return self.pad_value
        if self.features == "log_mel":
            return float(np.log(LOG_FLOOR))
        return 0.0

    @property
    def image_shape(self) -> tuple[int, int]:
        """(frames, features)."""
        return self.audio_length, self.num_audio_features

    @property
    def image_s(self) -> float:
        """Seconds of sound that an image shows."""
        return self.audio_length * self.hop_length / self.sample_rate

    def frames_that_count(self, lengths: np.ndarray, stretch: np.ndarray) -> np.ndarray:
        """Return how many frames of the image of each clip count, int32 [batch].

        With a clip in the middle of its image that is all of them.

        Args:
            lengths: int [batch], samples of the clips.
            stretch: float32 [batch], above 1 is faster.
        """
        if self.pad_side == "both":
            return np.full(len(lengths), self.audio_length, np.int32)
        stretched = np.round(lengths.astype(np.float32) / stretch)
        n_frames = count_frames(stretched, self.hop_length)
        return np.minimum(n_frames, self.audio_length).astype(np.int32)

    def n_empty_bands(self, n_fft: int | None = None) -> int:
        """Return how many mel bands are always silent, with this or another FFT length."""
        n_fft = n_fft or self.n_fft
        bank = mel_filter_bank(self.sample_rate, n_fft, self.n_mels, self.fmin, self.fmax)
        return count_empty_bands(bank)

    def in_effect(self) -> dict[str, Any]:
        """Return the values of this group in JSON's types, with what stands for those left out.

        Two front ends with the same values make the same image of any clip.
        """
        return self.model_dump(mode="json", include=set(FrontEnd.model_fields)) | {
            "num_mels": self.n_mels,
            "win_length": self.window_length,
            "fmax": self.fmax or self.sample_rate / 2,
            "pad_value": self.fill_value,
        }

    def front_end_parameters(self) -> dict[str, Any]:
        """Return the keys of this group that were given, in JSON's types, for a checkpoint."""
        return self.model_dump(mode="json", include=set(FrontEnd.model_fields), exclude_unset=True)


def is_long(seconds: float, front_end: FrontEnd) -> bool:
    """Tell whether a clip is longer than its image by more than silence at its ends."""
    return seconds > _MUCH_LONGER * front_end.image_s


class Extent(NamedTuple):
    """The part of clips and images that is computed; what no clip can reach costs nothing."""

    block: int  # samples; frames begin at whole blocks, and noise is gathered by them
    n_samples: int  # of a clip: all that can reach its image, in whole blocks
    first_frame: int  # of the image
    n_frames: int  # of the image, from the first one on

    @classmethod
    def of(
        cls, front_end: FrontEnd, time_stretch: float = 0.0, longest: int | None = None
    ) -> Extent:
        """Return the extent, whatever is drawn for a clip.

        Args:
            front_end: its parameters.
            time_stretch: largest relative change of speed.
            longest: samples of the longest clip; None if not known.
        """
        audio_length, hop_length, n_fft = (
            front_end.audio_length,
            front_end.hop_length,
            front_end.n_fft,
        )
        block = block_length(hop_length, time_stretch)
        n_samples = int(audio_length * hop_length * (1.0 + time_stretch)) + 2 * n_fft
        first_frame, n_frames = 0, audio_length
        if longest is not None:
            # half an FFT is mirrored after a clip
            n_samples = min(n_samples, longest + n_fft // 2 + block)
            slowest = math.ceil(longest / (1.0 - time_stretch)) + 1
            n_frames = min(audio_length, count_frames(slowest, hop_length))
            if front_end.pad_side == "both":
                first_frame = (audio_length - n_frames) // 2
        return cls(block, -(-n_samples // block) * block, first_frame, n_frames)


def block_length(hop_length: int, time_stretch: float) -> int:
    """Return the samples of a block: the fewer blocks, the faster.

    That is the hop, or its largest divisor up to 32 where clips are stretched and the hop with
    them.
    """
    if not time_stretch:
        return hop_length
    return max(n for n in range(1, _LARGEST_BLOCK + 1) if hop_length % n == 0)
