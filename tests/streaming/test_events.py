"""Events counted by hand."""

import numpy as np
import pytest

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.errors import UserError
from open_seq2seq.streaming import Event, EventDetector


def events(rows, *, thresholds=(0.5, None), smoothing=1, min_gap_s=0.0, hop_s=0.1):
    """Feed probabilities of `yes` (the rest is `unknown`), a window each tenth of a second."""
    detector = EventDetector(
        ["yes", "unknown"], thresholds, smoothing=smoothing, min_gap_s=min_gap_s
    )
    found = []
    for index, p in enumerate(rows):
        found += detector.push(index * hop_s, index * hop_s + 1.0, np.array([p, 1 - p]))
    return found


def fired(rows, **params):
    """Return the indices of the windows that were events."""
    return [round(event.start / 0.1) for event in events(rows, **params)]


def test_a_label_is_an_event_when_it_rises_to_its_threshold_and_must_fall_to_be_one_again():
    assert fired([0.1, 0.5, 0.9, 0.9, 0.49, 0.6, 0.2]) == [1, 5]
    (event,) = events([0.2, 0.75])
    assert event == Event("yes", pytest.approx(0.1), pytest.approx(1.1), pytest.approx(0.75))


def test_a_quiet_label_is_never_an_event():
    assert fired([0.0, 0.0]) == []
    assert StreamParams().thresholds_of(("yes", "unknown", "silence")) == [0.5, None, None]
    params = StreamParams(thresholds={"yes": 0.9}, quiet_labels=["no"], threshold=0.7)
    assert params.thresholds_of(("yes", "no", "unknown")) == [0.9, None, 0.7]


def test_probabilities_are_averaged_once_there_are_enough():
    """Means of three: 0.3, 0.6, 0.9, 0.8, 0.5 from the third row on."""
    rows = [0.0, 0.0, 0.9, 0.9, 0.9, 0.6, 0.0]
    assert fired(rows, smoothing=3) == [3]
    assert events(rows, smoothing=3)[0].score == pytest.approx(0.6)
    # full support only: the first rows alone would be above
    assert fired([0.9, 0.9, 0.0, 0.0], smoothing=3) == [2]
    assert fired([0.9, 0.9], smoothing=3) == []


def test_two_events_of_a_label_are_as_far_apart_as_the_gap():
    rows = [0.9, 0.1, 0.9, 0.1, 0.1, 0.9]
    assert fired(rows) == [0, 2, 5]
    assert fired(rows, min_gap_s=0.45) == [0, 5]
    # one that rises within the gap and stays is an event when the gap is over
    assert fired([0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9], min_gap_s=0.45) == [0, 5]


def test_labels_are_events_by_themselves():
    detector = EventDetector(["a", "b"], [0.3, 0.3], smoothing=1, min_gap_s=10.0)
    assert [e.label for e in detector.push(0.0, 1.0, np.array([0.5, 0.5]))] == ["a", "b"]


def test_a_state_can_be_saved_and_restored():
    rows = np.random.default_rng(0).uniform(size=200)
    params = {"smoothing": 3, "min_gap_s": 0.35}
    expected = events(rows, **params)
    detectors = [EventDetector(["yes", "unknown"], [0.5, None], **params) for _ in range(2)]
    found = []
    for index, p in enumerate(rows):
        detector = detectors[index // 50 % 2]
        if index % 50 == 0:
            detector.restore(detectors[(index // 50 + 1) % 2].state())
        found += detector.push(index * 0.1, index * 0.1 + 1.0, np.array([p, 1 - p]))
    assert found == expected and len(expected) > 5


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"thresholds": {"yes": 1.5}}, "above 0 and up to 1 for 'yes', got 1.5"),
        ({"hop_s": 2.0}, "hop_s 2 is longer than window_s 1"),
    ],
)
def test_impossible_parameters_are_named(params, problem):
    with pytest.raises(ValueError, match=problem):
        StreamParams(**params)


def test_a_threshold_is_of_a_label_that_there_is():
    with pytest.raises(ValueError, match="the model has no label 'yess'; its labels are yes, no"):
        StreamParams(thresholds={"yess": 0.5}).thresholds_of(("yes", "no"))
    assert issubclass(UserError, Exception)
