"""Rooms, levels, distortion and coloured noise: their parameters, and what is drawn for each clip.

A clip passes through them in the order of a recording: speech, room, recorded noise at a ratio,
gain, clipping, hiss of a colour, equalizer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import Field, model_validator

from open_seq2seq.components import Group, PathText

_STREAM = 0x61636F7573746963  # sets these draws apart from those of the waveforms
_MOST_COLOURS = 5  # tables of noise, 8 MB each
NO_ROOM = -1.0
TINY = 1e-20  # stands for the peak of silence


class Acoustics(Group):
    """Where and with what training clips seem to be recorded; all of it is off by default."""

    room_responses: PathText | None = Field(
        default=None,
        description="Folder of impulse responses of rooms, recorded ones or those that "
        "open-seq2seq-rooms makes.",
    )
    room_prob: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Probability that a clip is heard through a room of room_responses; and the "
        "same for each five seconds of recorded noise.",
    )
    background_snr_db_min: float | None = Field(
        default=None,
        ge=-100,
        le=100,
        description="Lowest ratio of a clip's word to its recorded noise, in dB of RMS; None: "
        "background_noise_volume says how loud noise is.",
    )
    background_snr_db_max: float | None = Field(
        default=None,
        ge=-100,
        le=100,
        description="Highest ratio of a clip's word to its recorded noise, in dB of RMS.",
    )
    gain_db_min: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="Lowest change of a clip's level, with its recorded noise, in dB.",
    )
    gain_db_max: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="Highest change of a clip's level, in dB; no peak is lifted above full scale.",
    )
    clip_prob: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that a clip is too loud for its microphone, and its peaks are "
        "cut off at full scale.",
    )
    clip_db: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="How far the peak of such a clip would lie above full scale at most, in dB; "
        "the least is 0.",
    )
    noise_colour_min: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="Lowest exponent of the added noise, whose power falls as 1 / f^exponent: "
        "0 is white, 1 pink, 2 brown.",
    )
    noise_colour_max: float = Field(
        default=0.0, ge=0, le=3, description="Highest exponent of the added noise."
    )
    eq_db: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="Largest gain of the random equalizer in a band, up or down, in dB; 0: none.",
    )
    eq_bands: int = Field(
        default=8,
        gt=0,
        le=64,
        description="Bands of the random equalizer, equally wide on the mel scale.",
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> Acoustics:
        if (self.background_snr_db_min is None) != (self.background_snr_db_max is None):
            raise ValueError(
                "background_snr_db_min and background_snr_db_max belong together: "
                f"{self.background_snr_db_min} and {self.background_snr_db_max}; give both or none"
            )
        for name in ("background_snr_db", "gain_db", "noise_colour"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low is not None and low > high:
                raise ValueError(f"{name}_min {low} is above {name}_max {high}")
        return self

    @property
    def has_snr(self) -> bool:
        """Whether the ratio of word and recorded noise is drawn, rather than a volume."""
        return self.background_snr_db_min is not None

    @property
    def has_levels(self) -> bool:
        """Whether clips are scaled, and with it whether any are cut off at full scale."""
        return bool(self.clip_prob or self.gain_db_min or self.gain_db_max)

    @property
    def n_bands(self) -> int:
        """Bands of the equalizer that is used; 0 for none."""
        if not self.eq_db:
            return 0
        return self.eq_bands

    @property
    def colours(self) -> np.ndarray:
        """The exponents of noise in use."""
        low, high = self.noise_colour_min, self.noise_colour_max
        if low == high:
            return np.array([low])
        return np.linspace(low, high, _MOST_COLOURS)


NO_ACOUSTICS = Acoustics()


class AcousticDraws(NamedTuple):
    """What was drawn for each row; arrays of one length. `augment.Draws` has the same fields."""

    room: np.ndarray  # float32 in [0, 1), position among the responses; `NO_ROOM`: none
    background_snr_db: np.ndarray  # float32; NaN where there is no ratio
    gain: np.ndarray  # float32, factor of the waveform
    overdrive: np.ndarray  # float32, where the peak would lie, 1 is full scale; 0: no clipping
    noise_colour: np.ndarray  # int32, index into `Acoustics.colours`
    equalizer_db: np.ndarray  # float32 [rows, n_bands]


class _Uniform(NamedTuple):
    """Random numbers in [0, 1), float32 [rows] each, by what they decide, in the order of drawing.

    The bands of the equalizer come after them, so that their number changes nothing else.
    """

    has_room: np.ndarray
    room: np.ndarray
    background_snr: np.ndarray
    gain: np.ndarray
    has_clipping: np.ndarray
    overdrive: np.ndarray
    noise_colour: np.ndarray


def draw_acoustics(acoustics: Acoustics, n_rows: int, *, seed: int, epoch: int) -> AcousticDraws:
    """Draw for every row of an epoch at once; row i gets the same values whoever asks."""
    n_numbers = len(_Uniform._fields)
    numbers = np.random.default_rng([seed, epoch, _STREAM]).random(
        (n_numbers + acoustics.n_bands, n_rows), dtype=np.float32
    )
    uniform, bands = _Uniform(*numbers[:n_numbers]), numbers[n_numbers:].T
    draws = no_acoustic_draws(acoustics, n_rows)
    if acoustics.room_responses is not None:
        has_room = uniform.has_room < acoustics.room_prob
        draws = draws._replace(room=np.where(has_room, uniform.room, draws.room))
    if acoustics.has_snr:
        low, high = acoustics.background_snr_db_min, acoustics.background_snr_db_max
        draws = draws._replace(background_snr_db=_between(low, high, uniform.background_snr))
    gain_db = _between(acoustics.gain_db_min, acoustics.gain_db_max, uniform.gain)
    overdrive_db = _between(0.0, acoustics.clip_db, uniform.overdrive)
    has_clipping = uniform.has_clipping < acoustics.clip_prob
    return draws._replace(
        gain=_factor(gain_db),
        overdrive=np.where(has_clipping, _factor(overdrive_db), draws.overdrive),
        noise_colour=(uniform.noise_colour * len(acoustics.colours)).astype(np.int32),
        equalizer_db=_between(-acoustics.eq_db, acoustics.eq_db, bands),
    )


def no_acoustic_draws(acoustics: Acoustics, n_rows: int) -> AcousticDraws:
    """Return the draws that leave clips as they are."""
    return AcousticDraws(
        room=np.full(n_rows, NO_ROOM, np.float32),
        background_snr_db=np.full(n_rows, np.nan, np.float32),
        gain=np.ones(n_rows, np.float32),
        overdrive=np.zeros(n_rows, np.float32),
        noise_colour=np.zeros(n_rows, np.int32),
        equalizer_db=np.zeros((n_rows, acoustics.n_bands), np.float32),
    )


def _between(low: float | None, high: float | None, uniform: np.ndarray) -> np.ndarray:
    assert low is not None and high is not None
    values: np.ndarray = low + np.float32(high - low) * uniform
    return values.astype(np.float32)


def _factor(decibels: np.ndarray) -> np.ndarray:
    return (10.0 ** (decibels / 20.0)).astype(np.float32)
