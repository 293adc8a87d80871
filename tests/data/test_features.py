from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal

from open_seq2seq.data.features import (
    count_frames,
    hann_window,
    hz_to_mel,
    mel_filter_bank,
    mel_to_hz,
    slice_or_pad,
)


def test_mel_scale_is_htk():
    frequencies_hz = np.linspace(0, 8000, 33)
    np.testing.assert_allclose(
        hz_to_mel(frequencies_hz), librosa.hz_to_mel(frequencies_hz, htk=True), rtol=1e-12
    )
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(frequencies_hz)), frequencies_hz, atol=1e-9)


@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "fmin", "fmax"),
    [
        (16000, 1024, 128, 0.0, None),
        (16000, 512, 64, 0.0, None),
        (16000, 512, 40, 20.0, 7600.0),
        (8000, 256, 40, 60.0, 3800.0),
        (22050, 401, 80, 0.0, 8000.0),  # an odd FFT has no bin at half the rate
    ],
)
def test_filter_bank_is_librosas(sample_rate, n_fft, n_mels, fmin, fmax):
    expected = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=True, norm=None
    ).T
    filters = mel_filter_bank(sample_rate, n_fft, n_mels, fmin, fmax)
    assert filters.dtype == np.float32
    np.testing.assert_allclose(filters, expected, atol=1e-6)


def test_warp_moves_the_bins_up():
    # bin k of a 1024-point FFT lies at half the frequency of bin k of a 512-point one: warp 2 makes
    # them equal
    expected = librosa.filters.mel(
        sr=16000, n_fft=512, n_mels=40, fmin=100.0, htk=True, norm=None
    ).T
    warped = mel_filter_bank(16000, 1024, 40, 100.0, warp=2.0)
    np.testing.assert_allclose(warped[:257], expected, atol=1e-6)
    assert not warped[257:].any()  # an octave up they are above half the rate
    expected = librosa.filters.mel(sr=16000, n_fft=2048, n_mels=40, htk=True, norm=None).T
    np.testing.assert_allclose(
        mel_filter_bank(16000, 1024, 40, warp=0.5), expected[:513], atol=1e-6
    )


@pytest.mark.parametrize(
    ("win_length", "n_fft"), [(1024, 1024), (400, 512), (401, 512), (300, 401)]
)
def test_hann_window_is_periodic_and_centred(win_length, n_fft):
    window = hann_window(win_length, n_fft)
    expected = librosa.util.pad_center(
        scipy.signal.get_window("hann", win_length, fftbins=True), size=n_fft
    )
    assert window.dtype == np.float32
    np.testing.assert_allclose(window, expected, atol=1e-7)


@pytest.mark.parametrize(
    ("n_samples", "hop_length"), [(16000, 125), (15999, 125), (16001, 160), (1, 160), (0, 160)]
)
def test_frames_are_centred_and_counted_so(n_samples, hop_length):
    padded = np.zeros(n_samples + 1024)  # half an FFT on both sides
    assert (
        count_frames(n_samples, hop_length)
        == librosa.util.frame(padded, frame_length=1024, hop_length=hop_length).shape[1]
    )


COLUMN = np.arange(1, 11)[:, None] * np.ones((1, 3))


@pytest.mark.parametrize(
    ("audio_length", "crop", "frames"),
    [
        (4, 0.0, [1, 2, 3, 4]),
        (4, 0.5, [4, 5, 6, 7]),
        (5, 0.5, [4, 5, 6, 7, 8]),
        (4, 0.999, [7, 8, 9, 10]),
        (10, 0.999, range(1, 11)),
        (13, 0.999, [-7, *range(1, 11), -7, -7]),
        (14, 0.0, [-7, -7, *range(1, 11), -7, -7]),
    ],
)
def test_slice_or_pad(audio_length, crop, frames):
    image = slice_or_pad(COLUMN, audio_length, crop, -7.0)
    np.testing.assert_array_equal(image, np.array(list(frames), float)[:, None] * np.ones((1, 3)))


def test_every_slice_is_as_likely():
    starts = [slice_or_pad(COLUMN, 8, crop, 0.0)[0, 0] for crop in np.arange(300) / 300]
    assert np.unique(starts, return_counts=True)[1].tolist() == [100, 100, 100]
