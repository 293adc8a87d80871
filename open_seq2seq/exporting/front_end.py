"""The front end of an exported model, in operations that other runtimes know.

It computes what `data.spectral_engine` does with nothing drawn. All tables are NumPy arrays, which
become constants of whatever graph it is traced into.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from open_seq2seq.data.features import (
    LOG_FLOOR,
    MFCC_LOG_OFFSET,
    count_frames,
    dct_matrix,
    hann_window,
    mel_filter_bank,
)
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor

_N_BANDS = 8  # neighbouring mel filters that see the same part of the spectrum

Spectrum = Literal["fft", "dft"]


class ClipFrontEnd:
    """Waveforms of one length to images.

    Attributes:
        n_samples: of a waveform.
        n_frames: of the image that count; those after them only fill it.
    """

    def __init__(self, front_end: FrontEnd, n_samples: int, spectrum: Spectrum = "fft") -> None:
        """Make the tables.

        Args:
            front_end: what is computed.
            n_samples: of a waveform.
            spectrum: computed by an FFT, or as a matrix product where the runtime has no FFT.
        """
        self.n_samples = n_samples
        self._front_end, self._spectrum = front_end, spectrum
        self.n_frames = int(
            front_end.frames_that_count(np.array([n_samples]), np.ones(1, np.float32))[0]
        )
        p = front_end
        self._window = hann_window(p.window_length, p.n_fft)
        bank = mel_filter_bank(p.sample_rate, p.n_fft, p.n_mels, p.fmin, p.fmax)
        self._bins = _range_of(bank.any(axis=1), default=0)
        self._bands = _bands(bank, self._bins[0])
        self._dct = None
        if p.features == "mfcc":
            self._dct = dct_matrix(p.n_mels, p.num_audio_features)

    def __call__(self, waveforms: Tensor) -> Tensor:
        """Return images, float32 [batch, audio_length, features].

        Args:
            waveforms: float32 [batch, n_samples], 1 is full scale.
        """
        p = self._front_end
        n_heard = count_frames(self.n_samples, p.hop_length)
        first, n_frames = first_frame(self.n_samples, p), min(n_heard, p.audio_length)
        missing = p.audio_length - n_frames
        before = max(0, -first)
        mel = self._mel(self._power(waveforms, max(0, first), n_frames))
        if self._dct is None:
            features = tf.math.log(tf.maximum(mel, LOG_FLOOR))
        else:
            features = tf.linalg.matmul(tf.math.log(mel + MFCC_LOG_OFFSET), self._dct)
        if not missing:
            return features
        padding = [[0, 0], [before, missing - before], [0, 0]]
        return tf.pad(features, padding, constant_values=p.fill_value)

    def _power(self, waveforms: Tensor, first: int, n_frames: int) -> Tensor:
        """Return the power spectrum of some frames, [batch, n_frames, bins]."""
        p = self._front_end
        half, hop = p.n_fft // 2, p.hop_length
        mode = {"zeros": "CONSTANT", "reflect": "REFLECT"}[p.frame_padding]
        samples = tf.pad(waveforms, [[0, 0], [half, half]], mode=mode)
        # frames as neighbouring rows of one hop each: indices for a gather would be as large as
        # the network
        n_rows = -(-p.n_fft // hop)
        n_samples = (n_frames + n_rows - 1) * hop
        samples = samples[:, first * hop : first * hop + n_samples]
        lacking = n_samples - (self.n_samples + 2 * half - first * hop)
        if lacking > 0:
            samples = tf.pad(samples, [[0, 0], [0, lacking]])
        rows = tf.reshape(samples, [-1, n_frames + n_rows - 1, hop])
        parts = [rows[:, row : row + n_frames] for row in range(n_rows)]
        if self._spectrum == "dft":
            return self._power_by_products(parts)
        frames = tf.concat(parts, axis=-1)[:, :, : p.n_fft] * self._window
        spectrum = tf.signal.rfft(frames)
        return tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))

    def _power_by_products(self, parts: list[Tensor]) -> Tensor:
        p = self._front_end
        low, high = self._bins
        angles = 2.0 * np.pi / p.n_fft * np.outer(np.arange(p.n_fft), np.arange(low, high))
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        table = (self._window[:, None] * waves).astype(np.float32)
        products = []
        for row, part in enumerate(parts):
            block = table[row * p.hop_length : (row + 1) * p.hop_length]
            if block.any():
                products.append(tf.linalg.matmul(part[:, :, : len(block)], block))
        both = tf.square(tf.add_n(products))
        return both[:, :, : high - low] + both[:, :, high - low :]

    def _mel(self, power: Tensor) -> Tensor:
        # the products give the bins that a filter sees, an FFT all of them
        low = self._bins[0] if self._spectrum == "dft" else 0
        bands = [
            tf.linalg.matmul(power[:, :, first - low : first - low + len(filters)], filters)
            for first, filters in self._bands
        ]
        return tf.concat(bands, axis=-1)


def first_frame(n_samples: int, front_end: FrontEnd) -> int:
    """Return which frame of a clip is the first of its image; negative where padding comes before.

    As `features.slice_or_pad` with the crop in the middle.
    """
    excess = count_frames(n_samples, front_end.hop_length) - front_end.audio_length
    if excess >= 0:
        return (excess + 1) // 2
    return -(-excess // 2) if front_end.pad_side == "both" else 0


def _bands(bank: np.ndarray, first: int) -> list[tuple[int, np.ndarray]]:
    """Return neighbouring filters with the first bin that they see: zeros are not multiplied.

    Args:
        bank: filters [bins, n_mels].
        first: bin that any of them sees.
    """
    bands = []
    for part in np.array_split(bank, min(_N_BANDS, bank.shape[1]), axis=1):
        low, high = _range_of(part.any(axis=1), default=first)
        bands.append((low, part[low:high]))
    return bands


def _range_of(is_seen: Any, default: int) -> tuple[int, int]:
    """Return the range of bins that are seen; one bin where none is."""
    seen = np.flatnonzero(is_seen)
    if not len(seen):
        return default, default + 1
    return int(seen[0]), int(seen[-1]) + 1
