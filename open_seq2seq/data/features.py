"""Mel filters, cosine transform, window and slice-or-pad rule: NumPy arrays for every engine."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

LOG_FLOOR = 1e-5  # ln(1e-5) = -11.5 is what silence looks like
MFCC_LOG_OFFSET = 1e-6  # torchaudio's definition: ln(mel + 1e-6)


def hz_to_mel(frequency_hz: np.ndarray | float) -> np.ndarray:
    """Return the mel scale of HTK: 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequency_hz, dtype=np.float64) / 700.0)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Inverse of `hz_to_mel`."""
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


def mel_filter_bank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    fmin: float = 0.0,
    fmax: float | None = None,
    warp: float = 1.0,
) -> np.ndarray:
    """Triangular mel filters (HTK scale, peak 1, no area normalisation).

    Args:
        sample_rate: in Hz.
        n_fft: FFT length in samples.
        n_mels: number of filters.
        fmin: lowest edge in Hz.
        fmax: highest edge in Hz; by default half the sample rate.
        warp: the filters are evaluated on frequencies times ``warp``: applied to the spectrum of a
            sound they give the mel spectrum of the same sound with its pitch raised by that factor.

    Returns:
        float32 [n_fft // 2 + 1, n_mels]. For ``warp`` 1 this is ``librosa.filters.mel(htk=True,
        norm=None).T``.
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax or sample_rate / 2), n_mels + 2))
    frequencies = np.arange(n_fft // 2 + 1)[:, None] * (sample_rate / n_fft * warp)
    rising = (frequencies - edges[:-2]) / np.diff(edges[:-1])
    falling = (edges[2:] - frequencies) / np.diff(edges[1:])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def count_empty_bands(filters: np.ndarray) -> int:
    """Return how many mel filters [bins, n_mels] no bin of the FFT reaches: they are always 0."""
    return int((~filters.any(axis=0)).sum())


def dct_matrix(n_mels: int, n_mfcc: int) -> np.ndarray:
    """Orthonormal DCT-II, float32 [n_mels, n_mfcc]: log-mel times this is the MFCC."""
    bands = np.arange(n_mels) + 0.5
    matrix = np.sqrt(2.0 / n_mels) * np.cos(np.pi / n_mels * bands[:, None] * np.arange(n_mfcc))
    matrix[:, 0] /= np.sqrt(2.0)
    return matrix.astype(np.float32)


def hann_window(win_length: int, n_fft: int) -> np.ndarray:
    """Periodic Hann window of ``win_length``, centred in ``n_fft`` samples; float32 [n_fft]."""
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(win_length) / win_length)
    before = (n_fft - win_length) // 2
    return np.pad(window, (before, n_fft - win_length - before)).astype(np.float32)


def count_frames(n_samples: Any, hop_length: int) -> Any:
    """Return the number of centred frames; for an int, an array or a tensor of samples."""
    return 1 + n_samples // hop_length


def slice_or_pad(
    features: np.ndarray,
    audio_length: int,
    crop: float,
    fill_value: float,
    pad_side: Literal["both", "end"] = "both",
) -> np.ndarray:
    """Cut ``features`` [frames, n] to ``audio_length`` frames, or pad them.

    Args:
        features: of one clip.
        audio_length: wanted number of frames.
        crop: position of the slice among all possible ones, in [0, 1); 0.5 is the middle.
        fill_value: what is put around a clip that is too short.
        pad_side: 'both': half of that before the clip; 'end': all of it after.
    """
    excess = len(features) - audio_length
    if excess >= 0:
        start = math.floor(crop * (excess + 1))
        return features[start : start + audio_length]
    missing = -excess
    before = 0
    if pad_side == "both":
        before = missing // 2
    return np.pad(features, ((before, missing - before), (0, 0)), constant_values=fill_value)
