"""The front end of a stream: frames of log-mel or MFCC as the samples come, in NumPy.

Frame t begins at sample t * hop_length; nothing is padded and nothing is computed twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from open_seq2seq.data.features import (
    LOG_FLOOR,
    MFCC_LOG_OFFSET,
    dct_matrix,
    hann_window,
    mel_filter_bank,
)
from open_seq2seq.data.front_end import FrontEnd

_FULL_SCALE = np.float32(32768.0)


class StreamFrontEnd:
    """Samples in, blocks of frames out.

    Blocks have a fixed number of frames: products of other sizes round otherwise, and the bits
    would depend on how the sound was cut into chunks.
    """

    def __init__(self, front_end: FrontEnd, n_frames: int) -> None:
        """Make the tables.

        Args:
            front_end: what is computed.
            n_frames: of a block.
        """
        p = front_end
        self._hop, self._n_fft, self._n_frames = p.hop_length, p.n_fft, n_frames
        self._window = hann_window(p.window_length, p.n_fft)
        self._mel = mel_filter_bank(p.sample_rate, p.n_fft, p.n_mels, p.fmin, p.fmax)
        self._dct = None
        if p.features == "mfcc":
            self._dct = dct_matrix(p.n_mels, p.num_audio_features)
        self.reset()

    @property
    def n_samples(self) -> int:
        """Samples of a block: its frames overlap with those of the next one."""
        return (self._n_frames - 1) * self._hop + self._n_fft

    def reset(self) -> None:
        """Forget all samples."""
        self._held: np.ndarray = np.zeros(0, np.int16)

    def push(self, samples: np.ndarray) -> list[np.ndarray]:
        """Take int16 samples and return the blocks that they complete, [frames, features]."""
        self._held = np.concatenate([self._held, samples])
        blocks = []
        while len(self._held) >= self.n_samples:
            blocks.append(self._features(self._held[: self.n_samples]))
            self._held = self._held[self._n_frames * self._hop :]
        return blocks

    def _features(self, samples: np.ndarray) -> np.ndarray:
        scaled = samples.astype(np.float32) / _FULL_SCALE
        frames = np.lib.stride_tricks.sliding_window_view(scaled, self._n_fft)[:: self._hop]
        spectrum = np.fft.rfft(frames * self._window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        mel = power @ self._mel
        if self._dct is None:
            return np.log(np.maximum(mel, np.float32(LOG_FLOOR)))
        return np.log(mel + np.float32(MFCC_LOG_OFFSET)) @ self._dct

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here."""
        return {"held": self._held.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._held = state["held"].copy()
