"""Edits of a batch's samples before the front end, in place, on the host."""

from __future__ import annotations

import numpy as np


def shift_in_time(waveforms: np.ndarray, lengths: np.ndarray, shifts: np.ndarray) -> None:
    """Move each clip by ``shifts`` samples, to the right if positive, within its length.

    Zeros come in.

    Args:
        waveforms: int16 [batch, samples], changed in place.
        lengths: int [batch], samples of each clip.
        shifts: int [batch].
    """
    for waveform, length, shift in zip(waveforms, lengths, shifts, strict=True):
        clip = waveform[: min(length, len(waveform))]
        if shift > 0:
            clip[shift:] = clip[:-shift].copy()
            clip[:shift] = 0
        elif shift < 0:
            clip[:shift] = clip[-shift:].copy()
            clip[shift:] = 0


def first_sample(n_samples: int, crop: float, width: int, alignment: int) -> int:
    """Return where the window begins that is cut of a long clip, 0 for one that is no longer.

    Args:
        n_samples: of the clip.
        crop: position of the window, in [0, 1).
        width: samples of the window.
        alignment: windows begin at multiples of it, so that frames fall where they would in the
            whole clip.
    """
    last = max(0, n_samples - width)
    return min(round(crop * last / alignment), last // alignment) * alignment


def reflect_after_end(waveforms: np.ndarray, lengths: np.ndarray, n_samples: int) -> None:
    """Write up to ``n_samples`` of each clip, mirrored at its last sample, after its end; in place.

    Args:
        waveforms: int16 [batch, samples], changed in place.
        lengths: int [batch], samples of each clip.
        n_samples: how many samples after the end a frame can reach.
    """
    for waveform, length in zip(waveforms, lengths, strict=True):
        n = max(0, min(n_samples, length - 1, len(waveform) - length))
        if n:
            waveform[length : length + n] = waveform[length - 1 - n : length - 1][::-1]
