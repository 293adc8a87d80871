"""Recordings become pieces: windows where NumPy's slices are, whatever the blocks and lengths."""

import io
import itertools

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from open_seq2seq.data.audio import read_blocks, read_wav
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.errors import UserError
from open_seq2seq.inference import InferenceParams, Recording, Recordings
from open_seq2seq.inference.recordings import cut

RATE = 16000
FRONT_END = FrontEnd()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 50), st.data())
def test_windows_are_slices_and_the_last_one_is_the_first_that_reaches_the_end(sizes, length, data):
    hop = data.draw(st.integers(1, length))
    samples = np.arange(sum(sizes), dtype=np.int16)
    blocks = np.split(samples, np.cumsum(sizes)[:-1])
    windows = list(cut(blocks, itertools.count(0, hop), length))
    n_windows = 1 + max(0, -(-(len(samples) - length) // hop))
    assert [start for start, _ in windows] == [hop * i for i in range(n_windows)]
    for start, window in windows:
        np.testing.assert_array_equal(window, samples[start : start + length])
    assert windows[-1][0] + length >= len(samples)


def pieces(recordings, windows=None, on_bad_audio="stop", warn=lambda line: None):
    params = InferenceParams(**(windows or {}))
    reading = Reading(on_bad_audio=on_bad_audio)
    opened = Recordings(recordings, reading, FRONT_END, params.windows(FRONT_END), warn)
    return opened, list(opened)


@pytest.mark.parametrize(
    ("rate", "n_channels", "subtype"),
    [(16000, 1, "PCM_16"), (44100, 2, "PCM_16"), (8000, 1, "FLOAT"), (48000, 1, "PCM_24")],
)
def test_a_long_file_has_the_same_samples_in_blocks(tmp_path, rate, n_channels, subtype):
    """More than three blocks, and a part of one."""
    random = np.random.default_rng(0)
    n_frames = 3 * (1 << 20) + 1234
    path = tmp_path / "long.wav"
    soundfile.write(path, 0.1 * random.standard_normal((n_frames, n_channels)), rate, subtype)
    whole = read_wav(path, RATE)
    blocks = list(read_blocks(path, RATE))
    assert len(blocks) >= 4 and {block.converted_from for block in blocks} == {whole.converted_from}
    joined = np.concatenate([block.samples for block in blocks])
    assert len(joined) == len(whole.samples)
    assert np.abs(joined.astype(int) - whole.samples).max() <= 1


def test_windows_of_a_long_file_are_those_of_its_samples(tmp_path):
    """It is read in blocks, and resampled."""
    random = np.random.default_rng(0)
    path = tmp_path / "long.flac"
    soundfile.write(path, 0.1 * random.standard_normal(70 * 8000), 8000)
    samples = read_wav(path, RATE).samples
    opened, found = pieces([Recording("r", str(path))], {"window_s": 0.9, "hop_s": 0.7})
    # 1 + ceil((70 - 0.9) / 0.7) windows, the last from 69.3 s on
    assert len(opened) == len(found) == 100
    for index, piece in enumerate(found):
        start = index * 11200
        expected = samples[start : start + 14400]
        assert np.abs(piece.samples.astype(int) - expected).max() <= 1
        assert piece.start_s == pytest.approx(0.7 * index)
        assert piece.end_s == pytest.approx(min(70.0, 0.7 * index + 0.9))


def test_without_windows_a_recording_is_one_piece_and_the_middle_of_a_long_one(tmp_path):
    for name, seconds in (("short", 0.4), ("clip", 1.0), ("long", 5.0), ("longest", 90.0)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(int(seconds * RATE), 0.1), RATE)
    lines = []
    names = ("short", "clip", "long", "longest")
    recordings = [Recording(name, str(tmp_path / f"{name}.wav")) for name in names]
    _, found = pieces(recordings, warn=lines.append)
    assert [piece.name for piece in found] == list(names)
    times = [(piece.start_s, piece.end_s) for piece in found]
    # the default image shows 128 frames of 125 samples, one second
    expected = [(0.0, 0.4), (0.0, 1.0), (2.0, 3.0), (44.5, 45.5)]
    np.testing.assert_allclose(times, expected, atol=1e-2)
    long = [line for line in lines if "the label is that of its middle" in line]
    assert len(long) == 2 and "longest: 90.0 s long" in long[1] and "from 44.5 to 45.5" in long[1]
    assert sum("digital silence" in line for line in lines) == 4


def test_a_recording_that_turns_out_bad_is_skipped_or_ends_the_run(tmp_path):
    """Its header is good, and so is the sound of its first minute."""
    samples = np.full(3 * (1 << 20), 0.1, np.float32)
    samples[-5] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, "FLOAT")
    soundfile.write(tmp_path / "good.wav", samples[:RATE], RATE)
    (tmp_path / "text.wav").write_text("no audio")
    recordings = [
        Recording(name, str(tmp_path / f"{name}.wav")) for name in ("nan", "text", "good")
    ]
    with pytest.raises(UserError, match=r"text: Format not recognised"):
        pieces(recordings)
    with pytest.raises(UserError, match=r"nan: it holds samples that are NaN"):
        pieces(recordings[::2], {"hop_s": 1.0})
    opened, found = pieces(recordings, {"hop_s": 1.0}, on_bad_audio="skip")
    assert set(opened.skipped) == {"nan", "text"}
    n_good_blocks = 2
    n_whole = n_good_blocks * (1 << 20) // RATE
    assert [piece.name for piece in found] == ["nan"] * n_whole + ["good"]


def test_a_file_may_be_open_already():
    file = io.BytesIO()
    soundfile.write(file, np.arange(-100, 100, dtype=np.int16), RATE, format="WAV")
    _, (piece,) = pieces([Recording("memory", file)])
    np.testing.assert_array_equal(piece.samples, np.arange(-100, 100))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, None),
        ({"window_s": 0.8}, (12800, 6400)),
        ({"hop_s": 0.1}, (16000, 1600)),
        ({"window_s": 0.5, "hop_s": 0.25}, (8000, 4000)),
        ({"window_s": 1.0, "hop_s": 0.00001}, (16000, 1)),
    ],
)
def test_windows_in_samples(params, expected):
    assert InferenceParams(**params).windows(FRONT_END) == expected


def test_a_window_must_be_heard_whole():
    with pytest.raises(UserError, match=r"window_s: 1\.5 is longer than .* hears at a time, 1 s"):
        InferenceParams(window_s=1.5).windows(FRONT_END)
    InferenceParams(window_s=1.5).windows(FrontEnd(audio_length=192))
