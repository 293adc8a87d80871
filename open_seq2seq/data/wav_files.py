"""WAV files, 16-bit mono, as this package writes them.

Python's `wave` reports a full disk, which `soundfile` does not, and does not wait for the disk
after each of many files.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import IO

import numpy as np

BYTES_OF_SAMPLE = 2


def open_wav(target: Path | IO[bytes], sample_rate: int) -> wave.Wave_write:
    """Begin a file, to which `as_bytes` of samples are written; `sample_rate` in Hz.

    Raises:
        OSError: it cannot be written.
    """
    # a file that is named is closed with it, one that is open is not
    file = wave.Wave_write(str(target) if isinstance(target, Path) else target)
    file.setnchannels(1)
    file.setsampwidth(BYTES_OF_SAMPLE)
    file.setframerate(sample_rate)
    return file


def write_wav(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write int16 [samples]; `sample_rate` in Hz.

    Raises:
        OSError: the file cannot be written.
    """
    with open_wav(path, sample_rate) as file:
        file.writeframes(as_bytes(samples))


def as_bytes(samples: np.ndarray) -> bytes:
    """Return int16 [samples] as a WAV file holds them, little-endian."""
    return samples.astype("<i2").tobytes()
