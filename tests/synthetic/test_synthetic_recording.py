"""The simulated recording: onsets, lengths, levels, signal-to-noise ratios, room, microphone."""

from __future__ import annotations

import numpy as np
import pytest

from open_seq2seq.synthetic import recording
from open_seq2seq.synthetic.noise import white

TALKERS = [np.random.default_rng(9).standard_normal(20000)]


def test_insert_cuts_the_word_at_the_edges() -> None:
    word = np.array([1.0, 2.0, 3.0])
    assert recording.insert(word, -1, 4).tolist() == [2, 3, 0, 0]
    assert recording.insert(word, 2, 4).tolist() == [0, 0, 1, 2]
    assert recording.insert(np.arange(6.0), -2, 3).tolist() == [2, 3, 4]


def test_onsets_are_uniform_and_cut_little_of_the_word() -> None:
    rng = np.random.default_rng(0)
    onsets = np.array([recording.draw_onset(6000, 16000, rng) for _ in range(4000)])
    beyond = (onsets < 0) | (onsets > 10000)
    assert beyond.mean() == pytest.approx(0.1, abs=0.02)
    assert onsets.min() >= -0.12 * 6000
    assert onsets.max() <= 10000 + 0.12 * 6000
    # uniform on [0, 10000]: mean 5000, deviation 10000 / sqrt(12)
    assert onsets[~beyond].mean() == pytest.approx(5000, abs=150)
    assert onsets[~beyond].std() == pytest.approx(10000 / np.sqrt(12), rel=0.05)


def test_clips_are_long_enough_for_the_word() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([recording.draw_length(9000, rng) for _ in range(4000)])
    assert (lengths < 16000).mean() == pytest.approx(0.1, abs=0.02)
    assert lengths.min() >= 9000
    assert lengths.max() == 16000
    assert recording.draw_length(20000, rng) == 16000


@pytest.mark.parametrize("peak_dbfs", [-35.0, -3.0])
def test_pcm_has_the_given_peak(peak_dbfs: float) -> None:
    samples = recording.to_pcm16(np.random.default_rng(0).standard_normal(16000), peak_dbfs)
    assert samples.dtype == np.int16
    assert np.abs(samples.astype(int)).max() == pytest.approx(32767 * 10 ** (peak_dbfs / 20), abs=1)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_signal_to_noise_ratio(monkeypatch: pytest.MonkeyPatch, snr_db: float) -> None:
    monkeypatch.setattr(recording, "SNR_DB", (snr_db, snr_db))
    monkeypatch.setattr(recording, "NOISE_KINDS", ("white_noise",))
    monkeypatch.setattr(recording, "SHORT_PROBABILITY", 0.0)
    monkeypatch.setattr(recording, "add_room", lambda speech, rng: speech)
    monkeypatch.setattr(recording, "filter_by_microphone", lambda samples, rng: samples)
    monkeypatch.setattr(recording, "draw_onset", lambda n_speech, n_samples, rng, cut_prob: 4000)
    word = 0.01 * white(np.random.default_rng(1), 6000)
    clip = recording.record(word, np.random.default_rng(2), TALKERS).astype(float)
    noise_power = np.mean(np.concatenate([clip[:4000], clip[10000:]]) ** 2)
    word_power = np.mean(clip[4000:10000] ** 2) - noise_power
    assert 10 * np.log10(word_power / noise_power) == pytest.approx(snr_db, abs=0.5)


def test_room_keeps_the_direct_sound_and_decays() -> None:
    click = np.zeros(100)
    click[0] = 1.0
    response = recording.add_room(click, np.random.default_rng(3))
    assert response[0] == pytest.approx(1.0)
    tail_power = np.sum(response[1:] ** 2)
    assert 10 ** (-20 / 10) <= tail_power <= 10 ** (-3 / 10)  # 3 to 20 dB below the direct sound
    quarter = len(response) // 4
    assert np.sum(response[1:quarter] ** 2) > 100 * np.sum(response[-quarter:] ** 2)


def test_microphone_removes_the_lows() -> None:
    seconds = np.arange(16000) / 16000
    rng = np.random.default_rng(4)
    lows = recording.filter_by_microphone(np.sin(2 * np.pi * 5 * seconds), rng)
    speech_band = recording.filter_by_microphone(np.sin(2 * np.pi * 1000 * seconds), rng)
    assert np.abs(lows).max() < 0.05
    assert 0.9 < np.abs(speech_band).max() < 1.01
