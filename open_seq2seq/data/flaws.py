"""Flaws of clips that can be read: little or nothing of their sound is left in 16-bit mono."""

from __future__ import annotations

import numpy as np

SILENT = "digital silence, all samples are the same"
CANCELLED = "its channels cancel each other out when they are averaged"
FAINT = "nearly silent, 8 bits at most are left of its samples; are they 16-bit values?"
RESAMPLED_AWAY = "resampling leaves nothing of it, its sound is above half the sample rate"
CLIPPED = "its peaks beyond full scale are cut off"
SCALED = "it went beyond full scale and was scaled down to it"

QUIET = frozenset({SILENT, FAINT})  # nothing is wrong with these in clips that are to be silent

# sample formats of libsndfile that hold more than 16 bits
_WIDE = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"})
_INT16 = 32768.0
# largest minus smallest sample in steps of int16: dither moves silence by one either way
_SILENT_SPAN = 2
# 16-bit values in a 24-bit file; the faintest of Speech Commands' 16-bit clips are below it too
_FAINT_SPAN = 256
_LOST = 0.01  # of the power, -20 dB
_CANCELLED = 0.1  # of the power that the average of unrelated channels has
_CLIPPED = 1.05  # of full scale; what is cut off below is not heard


def of_samples(samples: np.ndarray) -> str:
    """Return the flaw of a waveform, int16 [samples], or "" for none."""
    if int(samples.max()) - int(samples.min()) <= _SILENT_SPAN:
        return SILENT
    return ""


def of_level(mono: np.ndarray, subtype: str) -> str:
    """Return the flaw of a waveform, float [samples], 1 is full scale.

    Args:
        mono: the waveform.
        subtype: libsndfile's name of the sample format it was read from.
    """
    span = (float(mono.max()) - float(mono.min())) * _INT16
    if span and span <= _FAINT_SPAN and subtype in _WIDE:
        return FAINT
    if span <= _SILENT_SPAN:
        return SILENT
    return ""


def of_channels(samples: np.ndarray) -> str:
    """Return the flaw of averaging channels, [samples, channels]."""
    n_channels = samples.shape[1]
    if n_channels == 1:
        return ""
    # float64: the squares of the largest floats
    power = samples.var(axis=0, dtype=np.float64).mean()
    average = samples.mean(axis=1, dtype=np.float64).var()
    if n_channels * average < _CANCELLED * power:
        return CANCELLED
    return ""


def of_resampling(before: np.ndarray, after: np.ndarray) -> str:
    """Return the flaw of resampling a waveform, float [samples]."""
    if len(after) and after.var(dtype=np.float64) < _LOST * before.var(dtype=np.float64):
        return RESAMPLED_AWAY
    return ""


def of_peak(mono: np.ndarray) -> str:
    """Return the flaw of clipping a waveform, float [samples], at full scale."""
    if np.abs(mono).max(initial=0.0) > _CLIPPED:
        return CLIPPED
    return ""


def of_blocks(flaws: list[str]) -> str:
    """Return the flaw of a waveform whose blocks have these.

    Peaks are cut off somewhere; the other flaws are of all of the sound.
    """
    if CLIPPED in flaws:
        return CLIPPED
    return flaws[0] if len(set(flaws)) == 1 else ""
