"""Calibration on scores made by hand, for which the best thresholds are known by counting."""

import logging

import numpy as np
import pytest

from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.detection import calibrate, measure_heard
from open_seq2seq.errors import UserError
from open_seq2seq.storage.calibrations import read_calibration, write_calibration
from tests.support.heard import heard_of, heard_track

LABELS = ("yes", "no", "unknown")
ONE = {"calibrate_smoothings": [1], "calibrate_min_gaps": [1.0]}


def track_of(hours, bumps, spoken=(), name="t.wav"):
    """A track with single windows that are high: (label, end in seconds, probability)."""
    rows = np.full((round(hours * 36_000) - 9, 3), 0.001)
    for label, end_s, p in bumps:
        rows[round(end_s * 10) - 10, LABELS.index(label)] = p
    return heard_track(rows, spoken, name)


def words(label, *probabilities, first_s=10.0):
    """A word each ten seconds, and how high its label rises a fifth of a second after it."""
    times = [first_s + 10.0 * index for index in range(len(probabilities))]
    spoken = [(time, time + 0.5, label) for time in times]
    return [(label, t + 0.7, p) for t, p in zip(times, probabilities, strict=True)], spoken


@pytest.fixture
def heard():
    """Two hours: of yes nine words, of no four, and false accepts of both.

    One false accept in all is allowed at 0.5 per hour. Of yes the false scores are 0.99 and 0.6; of
    no 0.9 and 0.3. With the one for yes, words above 0.6 are found: one more than above 0.99. With
    the one for no, words above 0.3 are found: two more than above 0.9.
    """
    yes, said_yes = words("yes", 0.995, 0.999, 0.9999, 0.7, 0.5)
    no, said_no = words("no", 0.95, 0.5, 0.8, 0.2, first_s=500.0)
    positive = track_of(1.0, [*yes, *no], [*said_yes, *said_no])
    negative = track_of(
        1.0, [("yes", 100, 0.99), ("yes", 200, 0.6), ("no", 300, 0.9), ("no", 400, 0.3)]
    )
    return heard_of(LABELS, val=[positive], noise=[negative])


def test_the_false_accepts_go_where_they_find_most(heard):
    calibration, measurement = calibrate(heard, DetectParams(**ONE), 7)
    thresholds = calibration.stream.thresholds
    assert 0.99 < thresholds["yes"] < 0.995 and 0.3 < thresholds["no"] < 0.5
    assert "unknown" not in thresholds
    counts = measurement.all
    assert (counts.said, counts.found, counts.false_accepts) == (9, 3 + 3, 1)
    assert [(c.name, c.said, c.found, c.false_accepts) for c in calibration.corpora] == [
        ("val", 9, 6, 0),
        ("noise", 0, 0, 1),
    ]
    assert calibration.checkpoint_step == 7 and not calibration.extrapolated
    # the settings alone give the same again
    again = measure_heard(heard, calibration.stream).all
    assert (again.found, again.false_accepts) == (6, 1)


def test_more_false_accepts_find_more(heard):
    calibration, measurement = calibrate(heard, DetectParams(**ONE, false_accepts_per_hour=1.0))
    assert 0.6 < calibration.stream.thresholds["yes"] < 0.7
    assert (measurement.all.found, measurement.all.false_accepts) == (7, 2)


def test_a_rate_that_the_hours_do_not_hold_gets_a_margin_and_no_more(heard, caplog):
    """At 0.4 per hour two hours hold no false accept: the odds are e times those of the highest."""
    with caplog.at_level(logging.WARNING):
        calibration, measurement = calibrate(heard, DetectParams(**ONE, false_accepts_per_hour=0.4))
    assert "2 h hold less than one false accept at 0.4 per hour" in caplog.text
    assert "7.49 h are needed to show that rate" in caplog.text
    assert calibration.extrapolated and measurement.all.false_accepts == 0
    odds = {label: p / (1 - p) for label, p in calibration.stream.thresholds.items()}
    # of yes 0.999 is found and 0.995 no longer, whose odds are only twice those of 0.99
    assert np.e * 99 * (1 - 1e-6) <= odds["yes"] < 999
    assert measurement.together["yes"].found == 2
    assert odds["no"] >= np.e * 9 * (1 - 1e-6)


def test_smoothing_is_chosen_where_single_windows_mislead():
    """A word is high for five windows, other sound for one: only averages tell them apart."""
    rows = np.full((1000, 3), 0.001)
    rows[100:105, 0] = rows[500:505, 0] = 0.9
    noise = np.full((1000, 3), 0.001)
    noise[::50, 0] = 0.999
    spoken = [(10.0, 10.5, "yes"), (50.0, 50.5, "yes")]
    heard = heard_of(LABELS, val=[heard_track(rows, spoken)], noise=[heard_track(noise)])
    params = DetectParams(calibrate_smoothings=[1, 2, 5], calibrate_min_gaps=[1.0])
    calibration, measurement = calibrate(heard, params)
    assert calibration.stream.smoothing in (2, 5)
    yes = measurement.together["yes"]
    assert (yes.found, yes.false_accepts) == (2, 0)
    # what is given is not searched
    fixed = DetectParams(smoothing=1, min_gap_s=0.7, false_accepts_per_hour=2000.0)
    calibration, _ = calibrate(heard, fixed)
    assert (calibration.stream.smoothing, calibration.stream.min_gap_s) == (1, 0.7)


def test_a_gap_is_chosen_that_leaves_no_repeats():
    yes, spoken = words("yes", 0.9, 0.9, 0.9)
    echoes = [("yes", end_s + 0.6, p) for _, end_s, p in yes]
    heard = heard_of(LABELS, val=[track_of(0.5, [*yes, *echoes], spoken)])
    params = DetectParams(calibrate_smoothings=[1], calibrate_min_gaps=[0.0, 0.3, 1.0])
    calibration, measurement = calibrate(heard, params)
    assert calibration.stream.min_gap_s == 1.0
    assert (measurement.all.found, measurement.all.false_accepts) == (3, 0)


def test_thresholds_of_single_windows_are_chosen_too(heard):
    params = DetectParams(calibrate_smoothings=[2], calibrate_min_gaps=[1.0])
    calibration, _ = calibrate(heard, params)
    alone, _ = calibrate(heard, DetectParams(**ONE))
    assert calibration.stream.smoothing == 2
    assert calibration.window_thresholds == alone.stream.thresholds


def test_a_label_that_is_always_heard_reaches_no_rate():
    rows = np.full((36_000, 3), 0.001)
    rows[:, 0] = 1.0
    rows[::30, 0] = 0.0  # it rises again every three seconds
    spoken = [(10.0, 10.5, "yes")]
    heard = heard_of(LABELS, val=[heard_track(rows, spoken)])
    with pytest.raises(UserError, match=r"no setting reaches 0\.5 .* of yes \(\d+\); nothing is"):
        calibrate(heard, DetectParams(**ONE))


def test_a_rate_at_which_nothing_is_found_is_not_reached(heard):
    yes, spoken = words("yes", 0.2, 0.2)
    quiet = track_of(1.0, yes, spoken)
    loud = track_of(1.0, [("yes", 100, 0.9), ("yes", 200, 0.9)])
    heard = heard_of(LABELS, val=[quiet], noise=[loud])
    with pytest.raises(UserError, match="reached only where no keyword is found"):
        calibrate(heard, DetectParams(**ONE))


def test_labels_that_are_never_said_rest_on_false_accepts(heard, caplog):
    yes, spoken = words("yes", 0.9, 0.95)
    heard = heard_of(
        LABELS, val=[track_of(1.0, yes, spoken)], noise=[track_of(1.0, [("no", 50, 0.7)])]
    )
    with caplog.at_level(logging.WARNING):
        calibration, _ = calibrate(heard, DetectParams(**ONE))
    assert "never said in these tracks: no; their thresholds rest on false accepts" in caplog.text
    assert calibration.stream.thresholds["no"] > 0.7


def test_what_cannot_be_calibrated_is_named(heard, caplog):
    silent = heard_of(LABELS, noise=[track_of(1.0, [])])
    with pytest.raises(UserError, match="no list of these recordings names a keyword"):
        calibrate(silent, DetectParams(**ONE))
    with pytest.raises(UserError, match="threshold: calibrate chooses the thresholds"):
        calibrate(heard, DetectParams(**ONE, threshold=0.5))
    yes, spoken = words("yes", 0.9)
    talk = heard_of(LABELS, val=[track_of(2.0, yes, spoken)])
    with caplog.at_level(logging.WARNING):
        calibrate(talk, DetectParams(**ONE))
    assert "every recording has a list" in caplog.text


def test_a_calibration_is_read_as_it_was_written(heard, tmp_path):
    calibration, _ = calibrate(heard, DetectParams(**ONE), 7)
    write_calibration(calibration, tmp_path)
    assert read_calibration(tmp_path) == calibration
    assert read_calibration(tmp_path / "best_models" / "step-00000007") == calibration
    assert read_calibration(tmp_path / "best_models") == calibration
    for text in ("{", "[]", '{"stream": 3}', "\0"):
        (tmp_path / "detector.json").write_text(text)
        with pytest.raises(UserError, match=r"detector\.json: cannot be used"):
            read_calibration(tmp_path)


def test_what_is_given_wins_over_what_is_calibrated(heard):
    calibration, _ = calibrate(heard, DetectParams(**ONE))
    own = calibration.stream
    assert calibration.apply(StreamParams()) == own
    one = calibration.apply(StreamParams(thresholds={"no": 0.4}, min_gap_s=3.0))
    assert one.thresholds == {"yes": own.thresholds["yes"], "no": 0.4}
    assert (one.min_gap_s, one.smoothing) == (3.0, own.smoothing)
    # one threshold for all takes the place of all
    assert calibration.apply(StreamParams(threshold=0.7)).thresholds_of(LABELS) == [0.7, 0.7, None]
    assert calibration.misfits(StreamParams(hop_s=0.2, min_gap_s=3.0)) == ["hop_s=0.2"]
    assert isinstance(calibration, Calibration)
