from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.data import waveforms
from open_seq2seq.data.waveforms import Reading, WaveformStore
from open_seq2seq.errors import UserError

RAMP = np.arange(1000, dtype=np.int16)
CROP = np.full(3, 0.5)


def open_store(paths, *, keep=False, **reading) -> WaveformStore:
    """A store that keeps 100 samples of each clip, in memory or in ``cache_dir`` if ``keep``."""
    cache_data = "waveforms" if keep else False
    reading = Reading(cache_data=cache_data, num_readers=3, **reading)
    return WaveformStore(paths, reading, sample_rate=16000, n_samples=100)


@pytest.fixture
def paths(write_wav) -> list[str]:
    """A short clip, one of 1000 samples that count up, and one of exactly the kept length."""
    clips = {"short.wav": RAMP[1:31], "long.wav": RAMP, "exact.wav": RAMP[500:600]}
    return [str(write_wav(name, samples)) for name, samples in clips.items()]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_clips_come_padded_and_cut_to_a_window(paths, tmp_path, keep, cached):
    store = open_store(paths, keep=keep, cache_dir=str(tmp_path / "cache") if cached else None)
    for crop, start in ((0.0, 0), (0.5, 450), (0.9999, 900)):
        samples, lengths = store.take(np.array([2, 1, 0, 1]), np.full(4, crop), 100)
        assert samples.dtype == np.int16 and lengths.dtype == np.int32
        assert lengths.tolist() == [100, 100, 30, 100]
        np.testing.assert_array_equal(samples[0], RAMP[500:600])
        np.testing.assert_array_equal(samples[1], RAMP[start : start + 100])
        np.testing.assert_array_equal(samples[2], [*RAMP[1:31], *np.zeros(70)])
        np.testing.assert_array_equal(samples[3], samples[1])


@pytest.mark.parametrize("keep", [False, True])
def test_kept_clips_are_decoded_once(paths, monkeypatch, keep):
    decoded = []
    read_wav = waveforms.read_wav
    monkeypatch.setattr(
        waveforms, "read_wav", lambda path, rate: decoded.append(path) or read_wav(path, rate)
    )
    store = open_store(paths, keep=keep)
    for _ in range(3):
        store.take(np.array([0, 2, 0]), CROP, 100)
    assert len(decoded) == (
        3 if keep else 6
    )  # of two rows of a batch with one file, it is read once


def test_a_cache_in_a_folder_is_found_again_and_rebuilt_after_a_change(
    paths, tmp_path, monkeypatch
):
    kept = {"keep": True, "cache_dir": str(tmp_path / "cache")}
    open_store(paths, **kept)
    with monkeypatch.context() as patch:
        patch.setattr(waveforms, "read_wav", None)  # not needed
        samples, _ = open_store(paths, **kept).take(np.array([0, 2]), CROP[:2], 100)
    np.testing.assert_array_equal(samples[1], RAMP[500:600])

    path = Path(paths[2])
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-2] + b"\x11\x22")  # same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    samples, _ = open_store(paths, **kept).take(np.array([2]), CROP[:1], 100)
    assert samples[0, -1] == 0x2211


def test_bad_files_stop_with_all_their_names(paths, tmp_path):
    bad = [tmp_path / f"{i}.wav" for i in range(7)]
    for path in bad:
        path.write_text("no audio")
    for keep in (False, True):
        with pytest.raises(UserError) as error:
            open_store([*paths, *map(str, bad)], keep=keep)
        lines = str(error.value).splitlines()
        assert lines[0] == "7 audio files cannot be used:"
        # in whichever order the threads find them
        assert all(line.endswith(".wav: Format not recognised") for line in lines[1:6])
        assert set(line.split(": ")[0].strip() for line in lines[1:6]) <= {
            str(path) for path in bad
        }
        assert lines[6] == "  and 2 more"
        assert "--data_layer_params/on_bad_audio=skip" in lines[7]


@pytest.mark.parametrize("keep", [False, True])
def test_skipping_finds_also_what_the_header_hides(paths, write_wav, keep):
    cut = write_wav(
        "cut.flac", np.random.default_rng(0).integers(-9999, 9999, 9000).astype(np.int16)
    )
    cut.write_bytes(cut.read_bytes()[:4000])
    store = open_store([paths[0], str(cut), paths[2]], keep=keep, on_bad_audio="skip")
    assert list(store.bad) == [1]
    assert "flac" in store.bad[1]
    samples, lengths = store.take(np.array([0, 2]), CROP[:2], 100)
    assert lengths.tolist() == [30, 100] and samples.any(axis=1).all()


def test_a_file_that_fails_later_is_named(paths):
    store = open_store(paths)
    os.unlink(paths[1])
    with pytest.raises(UserError, match=r"^1 audio file cannot be used:\n  .*long.wav: "):
        store.take(np.array([0, 1]), CROP[:2], 100)


def test_conversions_are_remembered(paths, write_wav):
    other = str(write_wav("other.wav", np.zeros((90, 2)), 8000))
    for keep in (False, True):
        store = open_store([*paths, other], keep=keep)
        assert store.converted == {3: "8000 Hz, 2 channels, PCM_16"}
        assert store.take(np.array([3]), CROP[:1], 100)[1].tolist() == [
            100
        ]  # 180 samples at 16 kHz
