"""Clips in context: other sound before and after them, as in a stream, instead of padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import Field, model_validator

from open_seq2seq.components import Group

NOBODY = -1  # in place of a neighbour
_STREAM = 0x636F6E74657874  # sets these draws apart from those of the waveforms
_NOISE_SAMPLES = 1 << 20  # of the noise table: a minute
_PIECE_S = 0.01
_QUIETEST = 10  # percent of a clip's pieces, whose level its noise has
_LEAST_CUT, _MOST_CUT = 0.4, 0.9  # of a word that is cut


class Context(Group):
    """Sound around a clip, as much as the image shows."""

    context_prob: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that a clip stands in context: quiet noise at its own level, and "
        "other clips, fill the image, and nothing is padded. In evaluation any value above 0 puts "
        "every clip in the middle of such noise, without other clips.",
    )
    context_shift_ms: float = Field(
        default=100.0,
        ge=0,
        description="Largest distance of a clip in context from the middle of its image, to "
        "either side, in milliseconds.",
    )
    context_clips_prob: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Probability that another clip stands before a clip in context; and the same "
        "for after it.",
    )
    context_gap_ms: float = Field(
        default=300.0,
        ge=0,
        description="Longest gap between a clip in context and another one, in milliseconds.",
    )

    context_window_ms: float | None = Field(
        default=None,
        gt=0,
        description="Length of the window in the middle of the image, in milliseconds, in which "
        "the word of a clip in context lies whole, anywhere and at any speed, whatever "
        "context_shift_ms is; mostly what the decoder pools. None: clips are placed by "
        "context_shift_ms.",
    )
    context_cut_prob: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that the word of a keyword in context is cut: between 40 and "
        "90 % of it lie outside of context_window_ms, and its label is unknown.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> Context:
        if self.context_cut_prob and self.context_window_ms is None:
            raise ValueError("context_cut_prob cuts words at context_window_ms, which is not given")
        return self

    def without_chance(self) -> dict[str, float | None]:
        """Return what puts every clip in the middle of noise, if any is in context at all."""
        if not self.context_prob:
            return {}
        return {
            "context_prob": 1.0,
            "context_shift_ms": 0.0,
            "context_clips_prob": 0.0,
            "context_window_ms": None,
            "context_cut_prob": 0.0,
        }


class ContextDraws(NamedTuple):
    """What was drawn for each row; arrays of one length."""

    is_placed: np.ndarray  # bool, whether the clip is in context
    shift: np.ndarray  # int32, samples to the right of the middle
    before: np.ndarray  # int32, slot of the clip before; `NOBODY` for none
    after: np.ndarray
    gap_before: np.ndarray  # int32, samples
    gap_after: np.ndarray
    noise_start: np.ndarray  # float32 in [0, 1), position in the noise table
    place: np.ndarray  # float32 in [0, 1), of the word among all places in the window
    is_cut: np.ndarray  # bool, whether the word is cut if the clip is in context
    cut: np.ndarray  # float32, fraction of the word that is outside; below 0: on the left

    def take(self, rows: np.ndarray) -> ContextDraws:
        return ContextDraws(*(values[rows] for values in self))


def draw_contexts(
    context: Context, n_rows: int, *, sample_rate: int, seed: int, epoch: int
) -> ContextDraws:
    """Draw for every row of an epoch at once; row i gets the same values whoever asks.

    Args:
        context: its parameters.
        n_rows: of the manifest.
        sample_rate: in Hz.
        seed: of the run.
        epoch: each one draws afresh.
    """
    uniform = np.random.default_rng([seed, epoch, _STREAM]).random((13, n_rows), dtype=np.float32)
    placed, shift, has_before, before, has_after, after, gap_before, gap_after, noise = uniform[:9]
    place, is_cut, cut, side = uniform[9:]
    most_shift = round(context.context_shift_ms * sample_rate / 1000)
    most_gap = round(context.context_gap_ms * sample_rate / 1000)

    def rows(chance: np.ndarray, place: np.ndarray) -> np.ndarray:
        row = np.minimum((place * n_rows).astype(np.int32), n_rows - 1)
        return np.where(chance < context.context_clips_prob, row, NOBODY)

    return ContextDraws(
        is_placed=placed < context.context_prob,
        shift=np.floor((2 * most_shift + 1) * shift).astype(np.int32) - most_shift,
        before=rows(has_before, before),
        after=rows(has_after, after),
        gap_before=(gap_before * (most_gap + 1)).astype(np.int32),
        gap_after=(gap_after * (most_gap + 1)).astype(np.int32),
        noise_start=noise,
        place=place,
        is_cut=is_cut < context.context_cut_prob,
        cut=np.where(side < 0.5, -1, 1) * (_LEAST_CUT + (_MOST_CUT - _LEAST_CUT) * cut),
    )


class ContextMaker:
    """Places clips among noise and other clips."""

    def __init__(self, sample_rate: int, seed: int) -> None:
        """Make the noise; `sample_rate` in Hz."""
        self._piece = max(1, round(_PIECE_S * sample_rate))
        rng = np.random.default_rng([seed, _STREAM])
        self._noise = rng.standard_normal(_NOISE_SAMPLES, dtype=np.float32)

    def place(self, clip: np.ndarray, start: int, width: int, noise_start: float) -> np.ndarray:
        """Return a clip in noise of the level of its quietest tenth.

        Args:
            clip: int16 [samples].
            start: sample of the result where the clip begins; below 0 its beginning is cut.
            width: samples of the result.
            noise_start: position in the noise table, in [0, 1).

        Returns:
            int16 [width].
        """
        first = int(noise_start * max(0, _NOISE_SAMPLES - width))
        # an image of more than a minute hears the noise again
        noise = np.resize(self._noise[first : first + width], width) * self._quiet_level(clip)
        sound: np.ndarray = np.rint(noise).clip(-32768, 32767).astype(np.int16)
        put(sound, clip, start)
        return sound

    def _quiet_level(self, clip: np.ndarray) -> np.float32:
        """Return the root mean square of a clip's quietest tenth, at least one step."""
        n_pieces = len(clip) // self._piece
        if not n_pieces:
            return np.float32(1)
        pieces = clip[: n_pieces * self._piece].reshape(n_pieces, self._piece).astype(np.float32)
        levels = np.sqrt(np.mean(np.square(pieces), axis=1))
        return np.float32(max(1.0, np.percentile(levels, _QUIETEST)))


def put(sound: np.ndarray, clip: np.ndarray, start: int) -> None:
    """Write a clip into a sound from a sample on, in place; what lies outside is cut."""
    clip = clip[max(0, -start) :]
    target = sound[max(0, start) :]
    n = min(len(clip), len(target))
    target[:n] = clip[:n]
