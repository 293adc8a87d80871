"""What both augmentation engines share: their parameters, and what is drawn for each clip.

Everything random about a clip follows from (seed, epoch, row of the manifest) alone: neither the
number of workers, nor the order of reading, nor a restart changes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.audio import BadAudioError, read_wav
from open_seq2seq.data.features import LOG_FLOOR, n_frames
from open_seq2seq.errors import UserError

_PITCH_STEPS_PER_SEMITONE = 8  # finer than the ear: 0.7 % of the frequency
_NOISE_SAMPLES = 1 << 21  # of the noise table: two minutes


class Augmentation(NamedTuple):
    """How far a clip may be changed; all zero leaves it as it is."""

    pitch_semitones: float = 0.0
    stretch_ratio: float = 0.0
    noise_db: tuple[float, float] | None = None  # lowest and highest level, 0 dB is full scale
    shift_samples: int = 0  # in time, either way
    background_prob: float = 0.0  # how many clips are mixed with background noise
    background_volume: float = 0.0  # loudest factor of the recorded noise
    prob: float = 1.0  # how many clips are changed at all


class FrontEndParams(NamedTuple):
    """What both engines need to know."""

    sample_rate: int = 16000  # Hz
    n_fft: int = 1024  # samples
    win_length: int = 1024  # samples
    hop_length: int = 125  # samples
    n_mels: int = 128
    n_mfcc: int | None = None  # None: the features are the log-mel themselves
    reflect: bool = (
        False  # mirror a clip at its ends for the frames that reach over them; False: silence
    )
    fmin: float = 0.0  # Hz
    fmax: float | None = None  # Hz
    audio_length: int = 128  # frames
    pad_value: float = float(np.log(LOG_FLOOR))
    pad_at_end: bool = False  # a short clip stands at the beginning of its image, not in the middle
    augmentation: Augmentation = Augmentation()
    seed: int = 0
    longest: int | None = (
        None  # samples of the longest clip, if known: places that no clip reaches cost nothing then
    )

    @property
    def n_features(self) -> int:
        return self.n_mfcc or self.n_mels

    @property
    def block(self) -> int:
        """Samples in the blocks that frames and noise are gathered by: the fewer blocks, the
        faster.

        The hop, or its largest divisor up to 32 where clips are stretched and the hop with them.
        """
        if not self.augmentation.stretch_ratio:
            return self.hop_length
        return max(n for n in range(1, 33) if self.hop_length % n == 0)

    @property
    def n_samples(self) -> int:
        """Samples of a clip that can reach the image, whatever was drawn for it, in whole blocks."""
        n_samples = (
            int(self.audio_length * self.hop_length * (1.0 + self.augmentation.stretch_ratio))
            + 2 * self.n_fft
        )
        if self.longest is not None:
            # half an FFT is mirrored at either end, in front in whole blocks
            n_samples = min(n_samples, self.longest + self.n_fft // 2 + self.block)
        return -(-n_samples // self.block) * self.block

    @property
    def places(self) -> tuple[int, int]:
        """First and number of the places of the image that clips can reach."""
        if self.longest is None:
            return 0, self.audio_length
        slowest = math.ceil(self.longest / (1.0 - self.augmentation.stretch_ratio)) + 1
        n_places = min(self.audio_length, n_frames(slowest, self.hop_length))
        return 0 if self.pad_at_end else (self.audio_length - n_places) // 2, n_places


class Draws(NamedTuple):
    """What was drawn for each row; arrays of one length."""

    pitch: np.ndarray  # int32, index into `pitch_grid`
    stretch: np.ndarray  # float32, above 1 is faster
    noise_gain: np.ndarray  # float32, standard deviation; 0: none
    noise_start: np.ndarray  # float32 in [0, 1), place in `noise_table`
    crop: np.ndarray  # float32 in [0, 1)
    shift: np.ndarray  # int32, samples to the right
    background_gain: np.ndarray  # float32, factor of the recorded noise; 0: none
    background_start: np.ndarray  # float32 in [0, 1), place in the recorded noise

    def take(self, rows: np.ndarray) -> Draws:
        return Draws(*(values[rows] for values in self))


def pitch_grid(pitch_semitones: float) -> np.ndarray:
    """The pitch shifts in use, in semitones: eighths from -pitch_semitones to pitch_semitones."""
    n = round(pitch_semitones * _PITCH_STEPS_PER_SEMITONE)
    return np.arange(-n, n + 1) / _PITCH_STEPS_PER_SEMITONE


def noise_table(block: int, seed: int) -> np.ndarray:
    """White Gaussian noise of standard deviation 1, float32 [blocks, block].

    A clip's noise is a stretch of it from a random block: drawing 16,000 normal numbers afresh for
    each clip would cost as much as the rest of the front end.
    """
    noise = np.random.default_rng([seed, 0x6E6F6973]).standard_normal(
        _NOISE_SAMPLES, dtype=np.float32
    )
    return noise[: _NOISE_SAMPLES // block * block].reshape(-1, block)


def background_table(paths: Sequence[str], sample_rate: int, block: int) -> np.ndarray:
    """Recorded noise, one file after the other; float32 [blocks, block] in [-1, 1).

    Raises:
        UserError: a file cannot be read.
    """
    recordings = []
    for path in paths:
        try:
            samples = read_wav(path, sample_rate).samples
        except BadAudioError as error:
            raise UserError(
                f"data_layer_params/background_noise: {path}: {error}; mend or delete it"
            ) from None
        recordings.append(samples[: len(samples) // block * block].reshape(-1, block))
    return np.concatenate(recordings).astype(np.float32) / 32768.0


def draw(augmentation: Augmentation, n_rows: int, seed: int, epoch: int) -> Draws:
    """Draw for every row of an epoch at once; row i gets the same values whoever asks."""
    uniform = np.random.default_rng([seed, epoch]).random((10, n_rows), dtype=np.float32)
    grid = pitch_grid(augmentation.pitch_semitones)
    if augmentation.noise_db is None:
        noise_gain = np.zeros(n_rows, np.float32)
    else:
        low, high = augmentation.noise_db
        noise_gain = (10.0 ** ((low + (high - low) * uniform[2]) / 20.0)).astype(np.float32)
    draws = Draws(
        pitch=(uniform[0] * len(grid)).astype(np.int32),
        stretch=1.0 + augmentation.stretch_ratio * (2.0 * uniform[1] - 1.0),
        noise_gain=noise_gain,
        noise_start=uniform[3],
        crop=uniform[4],
        shift=np.floor((2 * augmentation.shift_samples + 1) * uniform[5]).astype(np.int32)
        - augmentation.shift_samples,
        background_gain=augmentation.background_volume
        * uniform[6]
        * (uniform[7] < augmentation.background_prob),
        background_start=uniform[8],
    )
    unchanged = no_draws(augmentation, n_rows)._replace(crop=draws.crop)
    is_changed = uniform[9] < augmentation.prob
    return Draws(
        *(np.where(is_changed, drawn, kept) for drawn, kept in zip(draws, unchanged, strict=True))
    )


def no_draws(augmentation: Augmentation, n_rows: int) -> Draws:
    """The draws that leave clips as they are and cut long ones in the middle."""
    return Draws(
        pitch=np.full(n_rows, len(pitch_grid(augmentation.pitch_semitones)) // 2, np.int32),
        stretch=np.ones(n_rows, np.float32),
        noise_gain=np.zeros(n_rows, np.float32),
        noise_start=np.zeros(n_rows, np.float32),
        crop=np.full(n_rows, 0.5, np.float32),
        shift=np.zeros(n_rows, np.int32),
        background_gain=np.zeros(n_rows, np.float32),
        background_start=np.zeros(n_rows, np.float32),
    )
