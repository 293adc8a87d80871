import tracemalloc
import wave

import numpy as np
import pytest

from open_seq2seq.data.audio import read_wav
from open_seq2seq.data.running_speech import RunningSpeech, draw_positions
from open_seq2seq.errors import UserError

RATE = 16000


@pytest.fixture
def ramps(tmp_path):
    """Three recordings whose samples count on: 1,000, 300 and 2,000 of them."""
    paths, first = [], 0
    for index, n in enumerate((1000, 300, 2000)):
        path = tmp_path / f"{index}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.arange(first, first + n, dtype="<i2").tobytes())
        paths.append(str(path))
        first += n
    return paths


def test_pieces_are_cut_across_recordings_and_go_round(ramps):
    speech = RunningSpeech(ramps, RATE, "speech")
    assert (speech.n_samples, speech.n_recordings) == (3300, 3)
    for start in (0, 100, 999, 1000, 1299, 2000, 3299):
        piece = speech.cut((start + 0.5) / 3300, 1500)
        expected = np.arange(start, start + 1500) % 3300
        np.testing.assert_array_equal(piece, expected)
        assert piece.dtype == np.int16
    np.testing.assert_array_equal(speech.cut(0.0, 7000), np.arange(7000) % 3300)


@pytest.mark.parametrize(("rate", "subtype"), [(8000, "PCM_16"), (44100, "PCM_24")])
def test_other_rates_are_cut_as_the_whole_recording_is_read(write_wav, rate, subtype):
    seconds = np.arange(3 * rate) / rate
    left = 0.4 * np.sin(2 * np.pi * 440 * seconds) * (1 + np.sin(2 * np.pi * 3 * seconds)) / 2
    path = str(write_wav("stereo.wav", np.stack([left, left * 0.5], axis=1), rate, subtype))
    whole = read_wav(path, RATE).samples
    speech = RunningSpeech([path], RATE, "speech")
    assert speech.n_samples == len(whole)
    for start in (0, 12345, 30000):
        piece = speech.cut((start + 0.5) / len(whole), 8000)
        # resampling begins at whole samples of the file: half a sample off at most
        slope = np.abs(np.diff(whole.astype(int))).max()
        assert np.abs(piece.astype(int) - whole[start : start + 8000]).max() <= slope * 0.75 + 2


def test_only_what_is_cut_is_read(tmp_path):
    n = 3 * 3600 * RATE  # three hours, a sparse file
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.setnframes(n)
        file.writeframesraw(b"")
        file._patchheader = lambda: None  # the header says what is to come
    with open(path, "r+b") as file:
        file.truncate(44 + 2 * n)
        file.seek(44 + 2 * (n - 8000))
        file.write(np.full(8000, 7, "<i2").tobytes())
    tracemalloc.start()
    speech = RunningSpeech([str(path)], RATE, "speech")
    piece = speech.cut((n - 8000 + 0.5) / n, 8000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert speech.n_samples == n and (piece == 7).all()
    assert peak < 1e6


def test_positions_are_drawn_for_the_slots_of_an_epoch():
    positions = draw_positions(5000, seed=1, epoch=2)
    np.testing.assert_array_equal(positions, draw_positions(5000, seed=1, epoch=2))
    assert (positions != draw_positions(5000, seed=1, epoch=3)).all()
    assert 0 <= positions.min() < 0.01 and 0.99 < positions.max() < 1


def test_what_cannot_be_read_is_named(tmp_path, ramps):
    with pytest.raises(UserError, match="speech: no recordings in it"):
        RunningSpeech([], RATE, "speech")
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    with pytest.raises(UserError, match=r"speech: 1 recording cannot be used, .*text\.wav"):
        RunningSpeech([*ramps, str(text)], RATE, "speech")
    speech = RunningSpeech(ramps, RATE, "speech")
    (tmp_path / "1.wav").unlink()
    with pytest.raises(UserError, match=r"speech: .*1\.wav"):
        speech.cut(0.0, 3000)
