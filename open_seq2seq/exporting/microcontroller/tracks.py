"""Clips with quiet noise around them, so long that the network has forgotten what was before."""

from __future__ import annotations

import numpy as np

from open_seq2seq.data.context import ContextMaker
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.streaming.front_end import StreamFrontEnd


class Tracks:
    """Clips to frames, of which those before and after a clip are of noise.

    One such track after the other is a stream. At the end of each the network pools the frames of
    its clip, and has heard nothing of the track before.
    """

    def __init__(
        self, front_end: FrontEnd, *, n_before: int, n_pooled: int, n_after: int, n_frames: int
    ) -> None:
        """Plan the frames.

        Args:
            front_end: of the model.
            n_before: frames that the network looks back.
            n_pooled: frames of the clip.
            n_after: frames that the network looks ahead.
            n_frames: the number of frames is a multiple of this.
        """
        total = n_before + n_pooled + n_after
        self.n_frames = -(-total // n_frames) * n_frames
        self._front_end = front_end
        self._context = ContextMaker(front_end.sample_rate, seed=0)
        first = self.n_frames - n_pooled - n_after
        # a frame has its sample in the middle, and in a stream at the start
        self._start = first * front_end.hop_length + front_end.n_fft // 2
        self._n_samples = (self.n_frames - 1) * front_end.hop_length + front_end.n_fft

    def features(self, waveforms: np.ndarray) -> np.ndarray:
        """Return the frames of int16 clips [clips, samples], float32 [clips, frames, features]."""
        front_end = StreamFrontEnd(self._front_end, self.n_frames)
        tracks = []
        for index, waveform in enumerate(waveforms):
            front_end.reset()
            noise_start = index / len(waveforms)
            tracks += front_end.push(
                self._context.place(waveform, self._start, self._n_samples, noise_start)
            )
        return np.stack(tracks)
