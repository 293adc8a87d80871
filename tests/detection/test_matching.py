"""Which event is of which word, worked out by hand."""

from pathlib import Path

from open_seq2seq.detection.matching import Words, match
from open_seq2seq.detection.tracks import Spoken, Track


def words_of(*lists, label="yes"):
    tracks = [
        Track(Path("t.wav"), tuple(Spoken(start, end, its) for start, end, its in each))
        for each in lists
    ]
    return Words.of(tracks, label)


def matched(words, ends_s, tracks=None, tolerance_s=1.0):
    matches = match(words, tracks or [0] * len(ends_s), ends_s, tolerance_s)
    return matches.word.tolist(), matches.is_repeat.tolist()


def test_an_event_is_of_a_word_from_its_start_to_the_tolerance_after_its_end():
    words = words_of([(2.0, 2.5, "yes")])
    for end_s, index in ((1.99, -1), (2.0, 0), (2.2, 0), (3.5, 0), (3.51, -1)):
        assert matched(words, [end_s]) == ([index], [False])


def test_a_second_event_of_a_word_is_a_repeat_and_a_false_accept():
    words = words_of([(2.0, 2.5, "yes")])
    matches = match(words, [0, 0, 0], [2.4, 3.4, 9.0], 1.0)
    assert matches.word.tolist() == [0, -1, -1]
    assert matches.is_repeat.tolist() == [False, True, False]
    assert (matches.n_found, matches.n_false_accepts) == (1, 2)


def test_the_earliest_word_that_is_not_found_gets_the_event():
    words = words_of([(2.0, 2.5, "yes"), (3.0, 3.5, "yes")])
    # both are possible at 3.2; the second event is of the second one
    assert matched(words, [3.2, 3.3]) == ([0, 1], [False, False])
    # the first one is over
    assert matched(words, [3.6]) == ([1], [False])
    assert matched(words, [2.1, 3.2, 3.3]) == ([0, 1, -1], [False, False, True])


def test_a_long_word_does_not_hide_the_short_ones_in_it():
    words = words_of([(1.0, 9.0, "yes"), (2.0, 2.1, "yes"), (5.0, 5.1, "yes")])
    assert matched(words, [2.05, 2.06, 5.05, 8.0]) == ([0, 1, 2, -1], [False, False, False, True])


def test_words_of_other_labels_and_other_tracks_are_others():
    words = words_of([(1.0, 1.5, "no")], [(1.0, 1.5, "yes"), (4.0, 4.5, "unknown")])
    assert words.n == 1
    assert matched(words, [1.2, 1.2], tracks=[0, 1]) == ([-1, 0], [False, False])
    assert matched(words, [4.2], tracks=[1]) == ([-1], [False])


def test_nothing_said_and_nothing_heard():
    assert matched(words_of([]), []) == ([], [])
    assert matched(words_of(), [1.0]) == ([-1], [False])
