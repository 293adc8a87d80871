"""Tables of noise that is added to training clips: generated, white or coloured, and recorded."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from open_seq2seq.data.audio import BadAudioError
from open_seq2seq.data.audio_files import recordings_in
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.errors import UserError, named

_NOISE_SAMPLES = 1 << 21  # of the noise table: two minutes
_LOWEST_HZ = 20.0  # of coloured noise, or nearly all of brown noise would be a slow drift

logger = logging.getLogger(__name__)


def noise_table(block: int, seed: int) -> np.ndarray:
    """Return white Gaussian noise of standard deviation 1, float32 [blocks, block].

    A clip's noise is a stretch of it from a random block: drawing 16,000 normal numbers afresh for
    each clip would cost as much as the rest of the front end.
    """
    noise = np.random.default_rng([seed, 0x6E6F6973]).standard_normal(
        _NOISE_SAMPLES, dtype=np.float32
    )
    return _in_blocks(noise, block)


def noise_tables(block: int, seed: int, exponents: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return a table of noise for each colour, float32 [exponents, blocks, block].

    The power of noise falls as 1 / f^exponent from 20 Hz on, and there is none below. Each table
    has the standard deviation 1. For the exponent 0 it is `noise_table`.
    """
    white = noise_table(block, seed)
    return np.stack(
        [
            _coloured(white, float(exponent), sample_rate) if exponent else white
            for exponent in exponents
        ]
    )


def _coloured(white: np.ndarray, exponent: float, sample_rate: int) -> np.ndarray:
    import scipy.fft

    spectrum = scipy.fft.rfft(white.reshape(-1))
    frequencies_hz = scipy.fft.rfftfreq(white.size, 1 / sample_rate)
    is_heard = frequencies_hz >= min(_LOWEST_HZ, sample_rate / 4)
    spectrum[~is_heard] = 0.0
    spectrum[is_heard] *= (frequencies_hz[is_heard] ** (-exponent / 2.0)).astype(np.float32)
    noise = scipy.fft.irfft(spectrum, white.size)
    coloured: np.ndarray = (noise / noise.std(dtype=np.float64)).astype(np.float32)
    return coloured.reshape(white.shape)


def find_recordings(background_noise: str) -> tuple[str, ...]:
    """Return the paths of the recorded noise in a folder.

    Raises:
        UserError: there is none.
    """
    return recordings_in(
        background_noise,
        "data_layer_params/background_noise: no recordings",
        "name a folder of noise, such as the one that open-seq2seq-prepare makes of a dataset with "
        "_background_noise_, or say None",
    )


def background_table(
    paths: Sequence[str], sample_rate: int, block: int, reading: Reading | None = None
) -> np.ndarray:
    """Read recorded noise, one file after the other; float32 [blocks, block] in [-1, 1).

    Raises:
        UserError: a file cannot be read, or all are shorter than a block.
    """
    reading = reading or Reading()
    recordings = []
    for path in paths:
        try:
            samples, _, flaw = reading.read(path, sample_rate)
        except BadAudioError as error:
            raise UserError(
                f"data_layer_params/background_noise: {path}: {error}; fix or delete it"
            ) from None
        if flaw:
            logger.warning(f"data_layer_params/background_noise: {path}: {flaw}")
        recordings.append(_in_blocks(samples, block))
    table = np.concatenate(recordings).astype(np.float32) / 32768.0
    if not len(table):
        raise UserError(
            f"data_layer_params/background_noise: {named(paths, 3)}: shorter than "
            f"{block / sample_rate * 1000:.3g} ms; record some seconds, or say None"
        )
    return table


def from_table(table: np.ndarray, start: float, n_samples: int) -> np.ndarray:
    """Return samples of a table [blocks, block] from a position in [0, 1) on; it goes round."""
    first = int(start * np.float32(len(table)))
    blocks = first + np.arange(n_samples // table.shape[1] + 1)
    samples: np.ndarray = table[blocks % len(table)].reshape(-1)[:n_samples]
    return samples


def _in_blocks(samples: np.ndarray, block: int) -> np.ndarray:
    return samples[: len(samples) // block * block].reshape(-1, block)
