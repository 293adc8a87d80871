"""Edits of whole samples against NumPy's own words for them."""

import numpy as np
import pytest

from open_seq2seq.data.samples import reflect_after_end, shift_in_time


@pytest.mark.parametrize("shift", [0, 1, 3, -2, 7, -7, 50, -50])
@pytest.mark.parametrize("length", [7, 4])
def test_a_shift_stays_within_the_clip_and_zeros_come_in(shift, length):
    clip = np.arange(1, length + 1, dtype=np.int16)
    waveforms = np.zeros((1, 7), np.int16)
    waveforms[0, :length] = clip
    shift_in_time(waveforms, np.array([length]), np.array([shift]))
    expected = np.zeros(length, np.int16)
    for i in range(length):
        if 0 <= i - shift < length:
            expected[i] = clip[i - shift]
    np.testing.assert_array_equal(waveforms[0, :length], expected)
    assert not waveforms[0, length:].any()


def test_what_follows_the_end_is_the_clip_mirrored():
    waveforms = np.zeros((3, 12), np.int16)
    lengths = np.array([8, 3, 11])
    for waveform, length in zip(waveforms, lengths, strict=True):
        waveform[:length] = np.arange(1, length + 1)
    expected = waveforms.copy()
    for waveform, length, n in zip(
        expected, lengths, (3, 2, 1), strict=True
    ):  # as much as there is and fits
        waveform[length : length + n] = np.pad(waveform[:length], (0, n), mode="reflect")[length:]
    reflect_after_end(waveforms, lengths, 3)
    np.testing.assert_array_equal(waveforms, expected)
