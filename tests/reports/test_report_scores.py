"""Scores of labels, reliability and cohorts, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from open_seq2seq.reports.cohorts import groupings
from open_seq2seq.reports.labels import confusion, score_labels
from open_seq2seq.reports.reliability import reliability


def table(pairs, **columns):
    """Return clips of (label, prediction) pairs."""
    label, prediction = zip(*pairs, strict=True)
    n = len(pairs)
    given = {
        "speaker": [""] * n,
        "snr_db": [np.nan] * n,
        "level_db": [np.nan] * n,
        "seconds": [np.nan] * n,
    } | columns
    return pd.DataFrame({"label": label, "prediction": prediction, **given})


# yes: 3 said, 2 found; no: 2 said, both found, and one more was taken for it; up was never said
PAIRS = [("yes", "yes"), ("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "no")]
LABELS = ["yes", "no", "up"]


def test_scores_of_labels():
    counts = confusion(table(PAIRS), LABELS)
    assert counts.tolist() == [[2, 1, 0], [0, 2, 0], [0, 0, 0]]
    yes, no, up = score_labels(counts, LABELS)
    assert (yes.precision.value, yes.recall.value, yes.f1.value) == pytest.approx((1, 2 / 3, 4 / 5))
    assert (no.precision.value, no.recall.value, no.f1.value) == pytest.approx((2 / 3, 1, 4 / 5))
    assert (yes.recall.n, no.precision.n) == (3, 3)
    assert (up.precision, up.recall, up.f1) == (None, None, None)
    # Newcombe, Two-sided confidence intervals for the single proportion, 1998: 81 of 263
    counts = np.array([[81, 182], [0, 5]])
    recall = score_labels(counts, ["a", "b"])[0].recall
    assert (recall.low, recall.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_the_interval_of_f1_is_that_of_what_it_rises_with():
    """81 right of 263 that say or are taken for it: F1 = 2 * 81 / (2 * 81 + 182), ends alike."""
    f1 = score_labels(np.array([[81, 100], [82, 0]]), ["a", "b"])[0].f1
    assert f1.value == pytest.approx(2 * 81 / (2 * 81 + 182))
    low, high = (2 * p / (1 + p) for p in (0.2553, 0.3662))
    assert (f1.low, f1.high) == pytest.approx((low, high), abs=1e-4)


def test_calibration_error():
    """Four clips of 0.9, three right; two of 0.5, none right: (4 * 0.15 + 2 * 0.5) / 6."""
    probabilities = np.array([0.9] * 4 + [0.5] * 2)
    found = reliability(probabilities, np.array([True] * 3 + [False] * 3))
    assert found.error == pytest.approx((4 * 0.15 + 2 * 0.5) / 6)
    assert [(b.n, b.accuracy) for b in found.bins] == [(2, 0.0), (4, 0.75)]
    assert reliability(np.array([1.0, 1.0]), np.array([True, True])).error == 0


def test_cohorts_have_the_clips_between_their_edges():
    clips = table(
        PAIRS,
        speaker=["a", "a", "a", "b", "b"],
        level_db=[-60.0, -50.0, -41.0, -40.0, -3.0],
        seconds=[0.3, 1.0, 1.0, 1.0, 4.0],
    )
    by_speaker, by_snr, by_level, by_length = groupings(clips)
    assert [(c.name, c.accuracy.value, c.accuracy.n) for c in by_speaker.cohorts] == [
        ("a", pytest.approx(2 / 3), 3)  # b has two clips
    ]
    assert "of 2 speakers" in by_speaker.note
    assert by_snr.cohorts == []
    assert [(c.name, c.accuracy.value, c.accuracy.n) for c in by_level.cohorts] == [
        ("below -50 dB", 1.0, 1),
        ("-50 to -40 dB", 0.5, 2),
        ("-40 to -30 dB", 1.0, 1),
        ("-10 dB or more", 1.0, 1),
    ]
    assert [(c.name, c.accuracy.n) for c in by_length.cohorts] == [
        ("below 0.5 s", 1),
        ("0.99 to 1.01 s", 3),
        ("3 s or more", 1),
    ]
