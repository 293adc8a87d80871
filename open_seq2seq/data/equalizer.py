"""The curve of the random equalizer: gains of bands, smooth over frequency."""

from __future__ import annotations

import numpy as np

from open_seq2seq.data.features import hz_to_mel

_MARGIN = 1024  # samples around a clip, so that its end does not ring into its beginning


def equalizer_weights(frequencies_hz: np.ndarray, sample_rate: int, n_bands: int) -> np.ndarray:
    """Return how much each band counts at each frequency.

    The bands are equally wide on the mel scale. A band has its gain in its middle, and half a
    cosine leads to the next one's. Times the gains of the bands in dB the weights are the curve in
    dB, which never goes beyond the largest gain.

    Args:
        frequencies_hz: [frequencies]; beyond half the sample rate the last band's gain holds.
        sample_rate: in Hz.
        n_bands: number of bands.

    Returns:
        float32 [frequencies, n_bands], of sum 1.
    """
    place = hz_to_mel(frequencies_hz) / hz_to_mel(sample_rate / 2) * n_bands - 0.5
    distance = np.abs(place.clip(0, n_bands - 1)[:, None] - np.arange(n_bands))
    return (0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1.0))).astype(np.float32)


def equalize(waveform: np.ndarray, gains_db: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return a waveform, float [samples], with the curve as gain of its spectrum; by FFT.

    Args:
        waveform: of the clip.
        gains_db: [n_bands].
        sample_rate: in Hz.
    """
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(len(waveform) + _MARGIN, real=True)
    frequencies_hz = scipy.fft.rfftfreq(n_fft, 1 / sample_rate)
    curve_db = equalizer_weights(frequencies_hz, sample_rate, len(gains_db)) @ gains_db
    spectrum = scipy.fft.rfft(waveform, n_fft) * np.float32(10.0) ** (curve_db / 20.0)
    equalized: np.ndarray = scipy.fft.irfft(spectrum, n_fft)[: len(waveform)]
    return equalized
