"""Silence clips and noise for augmentation."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.silence import find_noise, list_noise, write_noise, write_silence

N_CLIPS = {"train": 60, "val": 20, "test": 20}


@pytest.fixture
def noise_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "_background_noise_"
    folder.mkdir()
    return folder


def _marked_noise(seconds: float, sample_rate: int = 16000) -> np.ndarray:
    """Noise whose sign marks the segment.

    It is 0.5 in the first 80 %, -0.5 in the next 10 %, and alternates in the last 10 %.
    """
    n = int(seconds * sample_rate)
    noise = np.full(n, 0.5)
    noise[n * 8 // 10 : n * 9 // 10] = -0.5
    noise[n * 9 // 10 :: 2] = -0.5
    return noise


def _write(noise_dir: Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Write silence and return the clips of each split: [clips, samples]."""
    folder = noise_dir.parent / f"silence-{seed}"
    written = write_silence(
        find_noise(noise_dir.parent), N_CLIPS, folder, np.random.default_rng(seed)
    )
    assert {split: len(names) for split, names in written.items()} == N_CLIPS
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav")) == sorted(
        itertools.chain(*written.values())
    )
    return {
        split: np.stack([soundfile.read(folder / name)[0] for name in names])
        for split, names in written.items()
    }


def test_clips_are_one_second_of_16_khz_mono_pcm16(noise_dir):
    soundfile.write(noise_dir / "hum.wav", _marked_noise(20), 16000)
    _write(noise_dir)
    header = soundfile.info(noise_dir.parent / "silence-0" / "val" / "silence_000000.wav")
    assert (header.samplerate, header.channels) == (16000, 1)
    assert (header.frames, header.subtype) == (16000, "PCM_16")


def test_each_split_has_its_own_segment(noise_dir):
    # the last segments have 1.2 s, so a clip cut elsewhere would cross a border
    soundfile.write(noise_dir / "hum.wav", _marked_noise(12), 16000)
    clips = _write(noise_dir)
    assert (clips["train"] >= 0).all() and (clips["train"].max(axis=1) > 0).all()
    assert (clips["val"] <= 0).all() and (clips["val"].min(axis=1) < 0).all()
    np.testing.assert_array_equal(clips["test"][:, :-1], -clips["test"][:, 1:])


def test_gain_is_uniform_up_to_one(noise_dir):
    soundfile.write(noise_dir / "hum.wav", _marked_noise(20), 16000)
    gain = np.sort(_write(noise_dir)["train"].max(axis=1) / 0.5)
    assert (gain <= 1).all()
    # Kolmogorov-Smirnov distance to the uniform distribution; 0.21 is its 1 % point for 60 clips
    assert np.abs(gain - (np.arange(60) + 0.5) / 60).max() < 0.21


def test_clips_start_all_over_the_segment(noise_dir):
    ramp = np.linspace(0.1, 0.9, 20 * 16000)
    soundfile.write(noise_dir / "ramp.wav", ramp, 16000)
    clips = _write(noise_dir)["train"]
    # last / first = (start + 1 s) / start on the ramp, whatever the gain
    ratio = clips[:, -1] / clips[:, 0]
    assert len(np.unique(ratio.round(2))) > 15
    assert ratio.max() > 1.2 and ratio.min() < 1.1  # from the first seconds and from the last ones


def test_files_take_turns(noise_dir):
    soundfile.write(noise_dir / "plus.wav", np.full(20 * 16000, 0.5), 16000)
    soundfile.write(noise_dir / "minus.flac", np.full(20 * 16000, -0.5), 16000)
    signs = np.sign(_write(noise_dir)["train"].mean(axis=1))
    np.testing.assert_array_equal(signs, [-1, 1] * 30)


def test_clips_follow_the_seed(noise_dir):
    soundfile.write(noise_dir / "hum.wav", _marked_noise(20), 16000)
    first, other = _write(noise_dir), _write(noise_dir, seed=1)
    write_silence(
        find_noise(noise_dir.parent), N_CLIPS, noise_dir.parent / "again", np.random.default_rng(0)
    )
    again, _ = soundfile.read(noise_dir.parent / "again" / "train" / "silence_000000.wav")
    np.testing.assert_array_equal(again, first["train"][0])
    assert not np.array_equal(first["train"], other["train"])


def test_stereo_at_another_rate_is_converted_with_a_warning(noise_dir, caplog):
    t = np.arange(20 * 44100) / 44100
    tone = 0.8 * np.sin(2 * np.pi * 1000 * t)
    soundfile.write(noise_dir / "tone.wav", np.stack([tone, np.zeros_like(tone)], axis=1), 44100)
    clips = _write(noise_dir)["val"]
    loudest = clips[np.abs(clips).max(axis=1).argmax()]
    assert 0.2 < np.abs(loudest).max() <= 0.41  # the mean of 0.8 and 0
    assert np.abs(np.fft.rfft(loudest)).argmax() == 1000  # Hz, for a clip of 1 s
    assert any(
        "tone.wav: 44100 Hz, 2 channels, converted to 16 kHz mono" in message
        for message in caplog.messages
    )


def test_short_files_serve_the_splits_they_are_long_enough_for(noise_dir, caplog):
    soundfile.write(noise_dir / "a_short.wav", np.full(5 * 16000, -0.5), 16000)  # 4 s, 0.5 s, 0.5 s
    soundfile.write(noise_dir / "long.wav", np.full(10 * 16000, 0.5), 16000)  # 8 s, 1 s, 1 s
    clips = _write(noise_dir)
    assert (clips["train"][::2].mean(axis=1) < 0).all() and (
        clips["train"][1::2].mean(axis=1) > 0
    ).all()
    assert (clips["val"] >= 0).all() and (clips["test"] >= 0).all()
    assert "noise files under 10 s, too short for some splits: a_short.wav" in caplog.messages


def test_the_error_for_missing_noise_names_the_remedy(noise_dir, caplog):
    with pytest.raises(UserError, match=r"\(no readable files\); silence needs noise"):
        find_noise(noise_dir.parent)
    (noise_dir / "broken.wav").write_bytes(b"no audio")
    (noise_dir / "README.md").write_text("no audio either")
    soundfile.write(noise_dir / "short.wav", np.zeros(5 * 16000), 16000)
    with pytest.raises(UserError, match=r"a segment of 1 s for 'val' \(short.wav 5.0 s\)"):
        find_noise(noise_dir.parent)
    assert any("broken.wav: skipped" in message for message in caplog.messages)
    with pytest.raises(UserError, match="no such folder; silence needs noise"):
        find_noise(noise_dir)


def test_noise_that_is_not_finite_is_refused(noise_dir):
    soundfile.write(noise_dir / "nan.wav", np.full(20 * 16000, np.nan), 16000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"nan.wav: the noise file is corrupt"):
        _write(noise_dir)


def test_noise_far_beyond_full_scale_is_refused_with_its_peak(noise_dir):
    loud = 9000 * np.sin(np.arange(20 * 16000) / 10)
    soundfile.write(noise_dir / "loud.wav", loud, 16000, subtype="FLOAT")
    for write in (lambda: _write(noise_dir), lambda: _write_noise(noise_dir)):
        with pytest.raises(UserError, match=r"loud.wav: its samples reach 9,000 times full scale"):
            write()


def test_noise_that_is_lost_in_the_conversion_is_told_once(noise_dir, caplog):
    hiss = 0.1 * np.random.default_rng(0).standard_normal(20 * 16000)
    soundfile.write(noise_dir / "hiss.wav", np.stack([hiss, -hiss], axis=1), 16000)
    _write(noise_dir)
    _write_noise(noise_dir)
    messages = [message for message in caplog.messages if "hiss.wav: its channels" in message]
    assert len(messages) == 1 and "cancel each other out" in messages[0]


def _write_noise(noise_dir: Path) -> None:
    write_noise(list_noise(noise_dir.parent), noise_dir.parent / "noise")


def test_noise_for_augmentation_is_the_training_segment(noise_dir):
    soundfile.write(noise_dir / "hum.flac", _marked_noise(5), 16000)
    write_noise(list_noise(noise_dir.parent), noise_dir.parent / "noise")
    noise, rate = soundfile.read(noise_dir.parent / "noise" / "hum.wav")
    assert rate == 16000 and len(noise) == 4 * 16000
    assert (noise == 0.5).all()  # the other segments are -0.5, or alternate
    assert list_noise(noise_dir) == []
