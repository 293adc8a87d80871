"""Events of kept probabilities are those of `EventDetector`, one by one and to the last bit."""

import itertools

import numpy as np
import pytest

from open_seq2seq.detection.firing import Timeline, averaged, fired, log_odds, probabilities_of
from open_seq2seq.streaming import EventDetector
from tests.support.heard import heard_track

LABELS = ["a", "b", "c"]


def saturated(random, n_windows):
    """Softmax outputs in float32 that come close to 1, and are 1 now and then."""
    walk = np.cumsum(random.standard_normal((n_windows, 3)), axis=0)
    logits = (8 * (walk - walk.mean(axis=1, keepdims=True))).astype(np.float32)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def tracks():
    random = np.random.default_rng(0)
    lengths = (60, 4, 1, 0, 80)  # some are shorter than what is averaged
    return [heard_track(saturated(random, n), window_s=1.0) for n in lengths]


def detected(tracks, label, threshold, smoothing, min_gap_s):
    """Track, end and score of the events of a label, each track in a detector of its own."""
    thresholds = [threshold if each == label else None for each in LABELS]
    for index, track in enumerate(tracks):
        detector = EventDetector(LABELS, thresholds, smoothing=smoothing, min_gap_s=min_gap_s)
        for start_s, end_s, row in zip(
            track.start_s, track.end_s, track.probabilities, strict=True
        ):
            for event in detector.push(start_s, end_s, row):
                yield index, event.end, event.score


@pytest.mark.parametrize("smoothing", [1, 2, 3, 5, 8, 12, 16])
def test_the_sweep_gives_the_events_of_the_detector_at_every_threshold(tracks, smoothing):
    timeline = Timeline.of(tracks, len(LABELS))
    n_events = 0
    for label, min_gap_s in itertools.product(range(3), (0.0, 0.3, 5.0)):
        series = averaged(timeline, label, smoothing)
        values = np.unique(series.average)
        for threshold in [*values[:: len(values) // 6], values[-1], 1.0]:
            expected = list(detected(tracks, LABELS[label], threshold, smoothing, min_gap_s))
            # the same from what reaches a lower threshold alone
            for part in (series, series.above(threshold * 0.9)):
                events = fired(part, threshold, min_gap_s)
                found = zip(
                    part.track[events].tolist(),
                    part.end_s[events].tolist(),
                    part.average[events].tolist(),
                    strict=True,
                )
                assert list(found) == expected
            n_events += len(expected)
    assert n_events > 100


def test_averages_have_full_support_in_each_track():
    tracks = [heard_track([[p, 1 - p] for p in rows]) for rows in ([0.5, 0.75], [1.0, 0.25, 0.5])]
    series = averaged(Timeline.of(tracks, 2), 0, 2)
    assert series.average.tolist() == [0.625, 0.625, 0.375]
    assert series.track.tolist() == [0, 1, 1]
    assert averaged(Timeline.of(tracks, 2), 0, 4).average.tolist() == []


def test_log_odds_tell_scores_apart_that_are_nearly_one():
    scores = 1.0 - np.array([1e-5, 1e-6, 1e-7, 2.0**-24 / 16])
    assert (np.diff(log_odds(scores)) > 1).all()
    np.testing.assert_allclose(log_odds(scores[:1]), np.log(scores[0] / 1e-5), rtol=1e-9)
    np.testing.assert_allclose(probabilities_of(log_odds(scores)), scores, rtol=1e-12)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
