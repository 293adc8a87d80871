"""Augmentation of clips: its parameters, and what is drawn for each clip.

Everything random about a clip follows from (seed, epoch, row of the manifest) alone: neither the
number of workers, nor the order of reading, nor a restart changes it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from open_seq2seq.components import Group, PathText
from open_seq2seq.data.acoustics import (
    NO_ACOUSTICS,
    Acoustics,
    draw_acoustics,
    no_acoustic_draws,
)

_PITCH_STEPS_PER_SEMITONE = 8  # finer than the ear: 0.7 % of the frequency


class Augmentation(Group):
    """How the sound of training clips is changed at random."""

    augment_data: bool = Field(
        default=False,
        description="Whether training clips are changed at random: by augmentation, SpecAugment "
        "and mixup.",
    )
    augment_prob: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Probability that the sound of a clip is changed at all.",
    )
    augmentation: Literal["spectral", "librosa"] = Field(
        default="spectral",
        description="Engine of augmentation and features: batched TensorFlow on the model's "
        "device, or librosa on the host.",
    )
    pitch_shift: float = Field(
        default=2.0,
        ge=0,
        le=12,
        description="Largest pitch shift, up or down, in semitones; drawn in steps of an eighth.",
    )
    time_stretch: float = Field(
        default=0.2,
        ge=0,
        lt=0.9,
        description="Largest relative change of speed; 0.2: from 0.8 to 1.2 times as fast.",
    )
    noise_level_min: float = Field(
        default=-90.0, le=0, description="Lowest level of added white noise, in dB of full scale."
    )
    noise_level_max: float | None = Field(
        default=-46.0,
        le=0,
        description="Highest level of added white noise, in dB of full scale; None: no noise.",
    )
    background_noise: PathText | None = Field(
        default=None,
        description="Folder of recorded noise that is mixed in; the preprocessing makes "
        "<version>-noise.",
    )
    background_speech: PathText | None = Field(
        default=None,
        description="Folder of recorded speech, or a manifest: five minutes of people who talk at "
        "once, three to eight, are made of it, and are recorded noise like that of "
        "background_noise.",
    )
    background_noise_prob: float = Field(
        default=0.8, ge=0, le=1, description="Probability that a clip gets recorded noise."
    )
    background_noise_volume: float = Field(
        default=0.1, ge=0, description="Largest factor of the recorded noise; the lowest is 0."
    )
    time_shift_ms: float = Field(
        default=0.0, ge=0, description="Largest shift in time, to either side, in milliseconds."
    )

    @model_validator(mode="after")
    def _check_levels(self) -> Augmentation:
        if self.noise_level_max is not None and self.noise_level_min > self.noise_level_max:
            raise ValueError(
                f"noise_level_min {self.noise_level_min} is above "
                f"noise_level_max {self.noise_level_max}"
            )
        return self

    @property
    def has_background(self) -> bool:
        """Whether recorded noise or speech is mixed in."""
        return self.background_noise is not None or self.background_speech is not None


NO_AUGMENTATION = Augmentation(pitch_shift=0.0, time_stretch=0.0, noise_level_max=None)


class Draws(NamedTuple):
    """What was drawn for each row; arrays of one length."""

    pitch: np.ndarray  # int32, index into `pitch_grid`
    stretch: np.ndarray  # float32, above 1 is faster
    noise_gain: np.ndarray  # float32, standard deviation; 0: none
    noise_start: np.ndarray  # float32 in [0, 1), position in `noise.noise_table`
    crop: np.ndarray  # float32 in [0, 1), position of the slice among all possible ones
    shift: np.ndarray  # int32, samples to the right
    background_gain: np.ndarray  # float32, factor of the recorded noise; 0: none
    background_start: np.ndarray  # float32 in [0, 1), position in the recorded noise
    # those of `AcousticDraws`
    room: np.ndarray
    background_snr_db: np.ndarray
    gain: np.ndarray
    overdrive: np.ndarray
    noise_colour: np.ndarray
    equalizer_db: np.ndarray

    def take(self, rows: np.ndarray) -> Draws:
        return Draws(*(values[rows] for values in self))


class _Uniform(NamedTuple):
    """Random numbers in [0, 1), float32 [rows] each, by what they decide.

    They are drawn in this order. In another one a resumed run would no longer see the same clips.
    """

    pitch: np.ndarray
    stretch: np.ndarray
    noise_level: np.ndarray
    noise_start: np.ndarray
    crop: np.ndarray
    shift: np.ndarray
    background_volume: np.ndarray
    has_background: np.ndarray
    background_start: np.ndarray
    is_changed: np.ndarray


def draw(
    augmentation: Augmentation,
    n_rows: int,
    *,
    sample_rate: int,
    seed: int,
    epoch: int,
    acoustics: Acoustics = NO_ACOUSTICS,
) -> Draws:
    """Draw for every row of an epoch at once; row i gets the same values whoever asks.

    Args:
        augmentation: its parameters.
        n_rows: of the manifest.
        sample_rate: in Hz.
        seed: of the run.
        epoch: each one draws afresh.
        acoustics: the parameters of rooms, levels and the like.
    """
    numbers = np.random.default_rng([seed, epoch]).random(
        (len(_Uniform._fields), n_rows), dtype=np.float32
    )
    uniform = _Uniform(*numbers)
    n_pitches = len(pitch_grid(augmentation.pitch_shift))
    most_shift = round(augmentation.time_shift_ms * sample_rate / 1000)  # samples
    draws = Draws(
        pitch=(uniform.pitch * n_pitches).astype(np.int32),
        stretch=1.0 + augmentation.time_stretch * (2.0 * uniform.stretch - 1.0),
        noise_gain=_noise_gain(augmentation, uniform),
        noise_start=uniform.noise_start,
        crop=uniform.crop,
        shift=np.floor((2 * most_shift + 1) * uniform.shift).astype(np.int32) - most_shift,
        background_gain=_background_gain(augmentation, acoustics, uniform),
        background_start=uniform.background_start,
        **draw_acoustics(acoustics, n_rows, seed=seed, epoch=epoch)._asdict(),
    )
    unchanged = no_draws(augmentation, n_rows, acoustics)._replace(crop=draws.crop)
    is_changed = uniform.is_changed < augmentation.augment_prob
    return Draws(
        *(
            # values may have a second axis
            np.where(is_changed.reshape(-1, *[1] * (drawn.ndim - 1)), drawn, kept)
            for drawn, kept in zip(draws, unchanged, strict=True)
        )
    )


def no_draws(augmentation: Augmentation, n_rows: int, acoustics: Acoustics = NO_ACOUSTICS) -> Draws:
    """Return the draws that leave clips as they are and cut long ones in the middle."""
    return Draws(
        pitch=np.full(n_rows, len(pitch_grid(augmentation.pitch_shift)) // 2, np.int32),
        stretch=np.ones(n_rows, np.float32),
        noise_gain=np.zeros(n_rows, np.float32),
        noise_start=np.zeros(n_rows, np.float32),
        crop=np.full(n_rows, 0.5, np.float32),
        shift=np.zeros(n_rows, np.int32),
        background_gain=np.zeros(n_rows, np.float32),
        background_start=np.zeros(n_rows, np.float32),
        **no_acoustic_draws(acoustics, n_rows)._asdict(),
    )


def _noise_gain(augmentation: Augmentation, uniform: _Uniform) -> np.ndarray:
    low_db, high_db = augmentation.noise_level_min, augmentation.noise_level_max
    if high_db is None:
        return np.zeros_like(uniform.noise_level)
    level_db = low_db + (high_db - low_db) * uniform.noise_level
    return (10.0 ** (level_db / 20.0)).astype(np.float32)


def _background_gain(
    augmentation: Augmentation, acoustics: Acoustics, uniform: _Uniform
) -> np.ndarray:
    if not augmentation.has_background:
        return np.zeros_like(uniform.background_volume)
    has_background = uniform.has_background < augmentation.background_noise_prob
    if acoustics.has_snr:
        return has_background.astype(np.float32)  # the dataset knows how loud clips and noise are
    return augmentation.background_noise_volume * uniform.background_volume * has_background


def pitch_grid(pitch_shift: float) -> np.ndarray:
    """Return the pitch shifts in use, in semitones: eighths from -pitch_shift to pitch_shift."""
    n = round(pitch_shift * _PITCH_STEPS_PER_SEMITONE)
    return np.arange(-n, n + 1) / _PITCH_STEPS_PER_SEMITONE
