"""The track of the protocol has the published times and levels."""

import json

import numpy as np
import pytest
import soundfile

from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.detection.make_tracks import make_tracks
from open_seq2seq.detection.tracks import read_list
from tests.support.spoken_clips import RATE, START, save_clips
from tests.support.tones import save_wav


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Samples of the track, its list and its summary."""
    folder = tmp_path_factory.mktemp("protocol")
    rows = [("yes", "yes")] * 20 + [("no", "no")] * 30 + [("unknown", "bed")]
    manifest = save_clips(folder, rows)
    # speech and noise of one level throughout, so that levels can be told from any part
    rng = np.random.default_rng(0)
    save_wav(folder / "speech" / "a.wav", 0.1 * rng.standard_normal(100 * RATE))
    params = TrackParams(
        manifest=str(manifest),
        protocol="mlperf",
        keyword="yes",
        speech=str(folder / "speech"),
        background=str(folder / "speech"),
    )
    make_tracks(params, folder / "out", lambda n, total: None)
    samples, _ = soundfile.read(folder / "out" / "mlperf.wav", dtype="int16")
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return samples.astype(np.float64), read_list(folder / "out" / "mlperf.csv"), summary


def test_fifty_utterances_of_the_keyword_are_in_the_first_half(made):
    samples, spoken, summary = made
    assert len(samples) == 1200 * RATE and summary["said"] == {"yes": 50}
    starts = np.array([each.start for each in spoken]) - START / RATE
    assert starts[-1] == pytest.approx(570, abs=1e-3)
    # intervals above 3 s with a mean of 10 s, stretched to 570 s in all
    intervals = np.diff(starts)
    assert intervals.min() > 3 * 570 / (50 * 10) * 0.7
    assert 8 < intervals.std() + intervals.min() < 16
    # 20 clips: all of them twice before one is said a third time
    assert sorted({each.path: 0 for each in spoken}) == sorted({each.path for each in spoken[:20]})
    assert summary["passes"] == {"most_false_accepts": 8, "most_misses": 8, "tolerance_s": 1.0}


def test_backgrounds_have_the_published_levels(made):
    samples, spoken, _ = made
    for each in spoken:
        samples[round((each.start - 0.4) * RATE) : round((each.end + 0.4) * RATE)] = np.nan

    def level(start_s, end_s):
        part = samples[round(start_s * RATE) : round(end_s * RATE)]
        return np.sqrt(np.nanmean(np.square(part)))

    one = level(600, 750)  # one talker, of RMS 0.5
    assert level(0, 100) == 0
    expected = {
        (100, 300): 0.05 * np.sqrt(8),
        (300, 450): 0.5,
        (450, 600): 0.5,
        (750, 900): 0.5 * np.sqrt(2),
        (900, 1200): 0.1 * np.sqrt(7),
    }
    for times, rms in expected.items():
        assert level(*times) / one == pytest.approx(rms / 0.5, rel=0.02)


def test_words_have_the_published_ratios(made):
    _, spoken, _ = made
    assert all(each.snr_db is None for each in spoken if each.start < 99)
    for first, last, rms in ((100, 300, 0.05 * np.sqrt(8)), (300, 600, 0.5)):
        ratios = [each.snr_db for each in spoken if first <= each.start < last]
        assert len(ratios) > 5
        assert min(ratios) > 20 * np.log10(0.5 / rms) - 0.1
        assert max(ratios) < 20 * np.log10(0.75 / rms) + 0.1
