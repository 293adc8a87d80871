"""Clips of a batch into their contexts: where each lies, and who stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from open_seq2seq.data.context import Context, ContextDraws, ContextMaker, put
from open_seq2seq.data.word_extent import word_extent


class Placer:
    """Places clips in the middle of images, among noise and other clips."""

    def __init__(self, context: Context, sample_rate: int, seed: int) -> None:
        """Make the noise.

        Args:
            context: its parameters.
            sample_rate: in Hz.
            seed: of the noise.
        """
        self._maker = ContextMaker(sample_rate, seed)
        self._rate = sample_rate
        self._window: int | None = None
        if context.context_window_ms is not None:
            self._window = round(context.context_window_ms * sample_rate / 1000)

    def place(
        self,
        waveforms: np.ndarray,
        lengths: np.ndarray,
        contexts: ContextDraws,
        speeds: np.ndarray,
        neighbours: Mapping[int, np.ndarray],
    ) -> None:
        """Put clips into their contexts, in place.

        Args:
            waveforms: int16 [batch, samples].
            lengths: int32 [batch], samples of each clip; those of placed ones become all.
            contexts: what was drawn for each.
            speeds: float32 [batch], at which the front end plays each: a word that is played at 0.8
                of its speed must lie in 0.8 of the window, to be whole in it afterwards.
            neighbours: int16 [samples] by their slots.
        """
        width = waveforms.shape[1]
        for row in np.flatnonzero(contexts.is_placed):
            clip = waveforms[row, : min(lengths[row], width)].copy()
            drawn = ContextDraws(*(values[row] for values in contexts))
            start = self._start(clip, width, drawn, float(speeds[row]))
            sound = self._maker.place(clip, start, width, float(drawn.noise_start))
            if (before := neighbours.get(int(drawn.before))) is not None:
                put(sound[: max(0, start)], before, start - int(drawn.gap_before) - len(before))
            if (after := neighbours.get(int(drawn.after))) is not None:
                put(sound[max(0, start + len(clip)) :], after, int(drawn.gap_after))
            waveforms[row], lengths[row] = sound, width

    def _start(self, clip: np.ndarray, width: int, drawn: ContextDraws, speed: float) -> int:
        """Return the sample of the image at which a clip begins; it may be below 0."""
        if self._window is None:
            return (width - len(clip)) // 2 + int(drawn.shift)
        first, end = word_extent(clip, self._rate)
        window = round(speed * self._window)
        word, left = end - first, (width - window) // 2
        slack = window - word
        if not drawn.is_cut:
            # the middle of a word that is longer than the window lies in the window's
            return left - first + (int(drawn.place * (slack + 1)) if slack > 0 else slack // 2)
        outside = round(float(drawn.cut) * word)
        return left - first + (outside if outside < 0 else slack + outside)


def slots_beside(contexts: ContextDraws) -> np.ndarray:
    """Return the slots of the neighbours that clips in context have, each once, int [n]."""
    beside = np.concatenate([contexts.before, contexts.after])
    return np.unique(beside[np.tile(contexts.is_placed, 2) & (beside >= 0)])
