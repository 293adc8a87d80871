"""Counts, latencies and curves of tracks made by hand."""

import numpy as np
import pytest

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.detection import det_curves, measure_heard
from open_seq2seq.detection.counts import ALL
from open_seq2seq.detection.report import lines_of
from open_seq2seq.errors import UserError
from tests.support.heard import heard_of, heard_track

LABELS = ("yes", "no", "unknown")
SETTINGS = StreamParams(smoothing=1, threshold=0.5, min_gap_s=0.2)


def bumps(n_windows, **heights):
    """Probabilities with bumps of three windows: label=[(window, height), ...]."""
    probabilities = np.full((n_windows, 3), 0.01)
    for label, its in heights.items():
        for window, height in its:
            probabilities[window : window + 3, LABELS.index(label)] = height
    return probabilities


@pytest.fixture
def heard():
    """Window w ends at 1 + w / 10 seconds."""
    said = [(1.2, 1.6, "yes"), (4.0, 4.5, "no"), (7.0, 7.4, "yes"), (9.0, 9.5, "unknown")]
    talk = bumps(
        100,
        yes=[(8, 0.9), (14, 0.7), (40, 0.8)],  # end at 1.8, 2.4 and 5.0 s
        no=[(36, 0.6), (85, 0.95)],  # end at 4.6 and 9.5 s
    )
    quiet = bumps(350, yes=[(100, 0.99)])
    return heard_of(LABELS, talk=[heard_track(talk, said)], quiet=[heard_track(quiet, name="q")])


def test_words_events_and_latencies_are_counted_by_hand(heard):
    measurement = measure_heard(heard, SETTINGS)
    assert measurement.tolerance_s == 1.0
    yes, no = measurement.corpora["talk"]["yes"], measurement.corpora["talk"]["no"]
    # yes: 1.8 finds the first word, 2.4 repeats it, 5.0 is of none, the second word is missed
    assert (yes.said, yes.found, yes.misses, yes.false_accepts, yes.repeats) == (2, 1, 1, 2, 1)
    assert yes.latencies_s == pytest.approx([0.2])
    # no: 4.6 finds its word; 9.5 is in an unknown word
    assert (no.said, no.found, no.false_accepts, no.repeats) == (1, 1, 1, 0)
    assert no.latency_s(50) == pytest.approx(0.1)
    assert measurement.corpora["quiet"][ALL].false_accepts == 1
    together = measurement.all
    assert (together.said, together.found, together.false_accepts) == (3, 2, 4)
    hours = (100 * 0.1 + 0.9 + 350 * 0.1 + 0.9) / 3600
    assert together.hours == pytest.approx(hours)
    assert together.per_hour == pytest.approx(4 / hours)
    assert together.recall == 2 / 3
    assert [each.result for each in measurement.events] == [
        "found", "repeat", "found", "false accept", "false accept", "false accept",
    ]  # fmt: skip
    assert measurement.events[0].word_start == 1.2


def test_the_highest_false_accepts_come_first(heard):
    measurement = measure_heard(heard, SETTINGS)
    highest = measurement.highest_false_accepts("talk")
    assert [(each.event.label, round(each.event.score, 2)) for each in highest] == [
        ("no", 0.95), ("yes", 0.8), ("yes", 0.7),
    ]  # fmt: skip
    (only,) = measurement.highest_false_accepts("quiet")
    assert (only.path, round(only.event.end, 1)) == ("q", 11.0)


def test_the_tolerance_fits_what_is_averaged_unless_it_is_given(heard):
    smooth = StreamParams(smoothing=8, hop_s=0.1, window_s=1.0)
    assert measure_heard(heard, smooth).tolerance_s == pytest.approx(1.7)
    strict = measure_heard(heard, SETTINGS, 0.1)
    # the event at 1.8 is 0.2 s after its word; that at 4.6 is 0.1 s after
    assert (strict.corpora["talk"]["yes"].found, strict.corpora["talk"]["no"].found) == (0, 1)


def test_quiet_labels_are_neither_found_nor_missed(heard):
    settings = StreamParams(**{**dict(SETTINGS), "quiet_labels": ["yes", "unknown"]})
    measurement = measure_heard(heard, settings)
    assert list(measurement.together) == ["no", ALL]
    assert (measurement.all.said, measurement.all.found, measurement.all.false_accepts) == (1, 1, 1)
    nothing = StreamParams(**{**dict(SETTINGS), "quiet_labels": list(LABELS)})
    with pytest.raises(UserError, match="no label of the model can be an event"):
        measure_heard(heard, nothing)


def test_each_point_of_a_curve_is_what_a_detector_of_that_threshold_does(heard):
    curves = det_curves(heard, SETTINGS)
    assert [curve.label for curve in curves] == [ALL, "yes", "no"]
    for curve in curves:
        assert len(curve.points) > 2
        for point, its in zip(curve.points, curve.as_json()["points"], strict=True):
            settings = StreamParams(**{**dict(SETTINGS), "threshold": its["threshold"]})
            expected = measure_heard(heard, settings).together[curve.label]
            assert (point.found, point.false_accepts) == (expected.found, expected.false_accepts)
            assert its["false_accepts_per_hour"] == pytest.approx(expected.per_hour)


def test_the_curve_of_a_label_begins_with_nothing_and_goes_down_step_by_step(heard):
    """Of yes 0.99 and 0.8 are false, 0.9 is found, and 0.7 repeats it."""
    yes = det_curves(heard, SETTINGS)[1]
    steps = list(dict.fromkeys((point.found, point.false_accepts) for point in yes.points))
    assert steps[:5] == [(0, 0), (0, 1), (1, 1), (1, 2), (1, 3)]


def test_the_table_says_what_the_hours_show(heard):
    text = "\n".join(lines_of(measure_heard(heard, SETTINGS), heard, 0.5))
    assert "talk: 1 recording, 0.00303 h, 3 keywords are said" in text
    assert "quiet: 1 recording, 0.00997 h, nothing in it is a keyword" in text
    assert "  q 10.00 to 11.00 s: yes (0.990000)" in text
    assert "4 false accepts in 0.013 h show at most" in text
    assert "5.99 h without one are needed to show 0.5" in text


def test_hours_of_eight_labels_are_swept_from_what_was_kept_once():
    """A curve needs the averages once, and of them only what reaches the thresholds tried."""
    random = np.random.default_rng(0)
    labels = tuple("abcdefgh")
    rows = (random.beta(0.05, 2.0, (36_000, 8))).astype(np.float32)
    spoken = [(60.0 * index, 60.0 * index + 0.5, labels[index % 8]) for index in range(1, 59)]
    heard = heard_of(labels, long=[heard_track(rows, spoken)])
    curves = det_curves(heard, StreamParams(smoothing=3))
    assert len(curves) == 9 and all(len(curve.points) > 5 for curve in curves)
    rates = [point.per_hour for curve in curves for point in curve.points]
    assert 20.0 < max(rates) <= 100.0


def test_a_keyword_named_all_is_not_the_total():
    heard = heard_of(("all", "off", "unknown"), talk=[heard_track(bumps(60), [(1.0, 1.5, "all")])])
    measurement = measure_heard(heard, SETTINGS)
    assert list(measurement.together) == ["all", "off", ALL]
    assert [measurement.together[label].said for label in ("all", "off", ALL)] == [1, 0, 1]
    shown = [line.split()[0] for line in lines_of(measurement, heard, 1.0) if line[:2] == "  "]
    assert shown == ["label", "all", "off", "all"]


def test_curves_of_labels_with_any_bytes_are_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    from open_seq2seq.detection.plot import plot_curves

    labels = ("$_$", "caf\udce9", "_quiet")
    track = heard_track(bumps(60), [(1.0, 1.5, label) for label in labels])
    heard = heard_of(labels, talk=[track])
    plot_curves(
        tmp_path / "det.png", det_curves(heard, SETTINGS), measure_heard(heard, SETTINGS).all
    )
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
