"""Labels share false accepts so that most words are found: against all combinations."""

import itertools

import numpy as np

from open_seq2seq.detection.choosing import Options, choose, fewest
from open_seq2seq.detection.thresholds import Tried, between


def options(label, found, false_accepts, n_words=9):
    log_odds = np.arange(len(found))[::-1].astype(float)
    return Options(label, n_words, Tried(log_odds, np.array(found), np.array(false_accepts)))


def test_the_best_part_of_each_label_is_the_best_of_all_combinations():
    random = np.random.default_rng(0)
    for _ in range(40):
        each = [
            options(
                str(index),
                np.minimum(9, np.cumsum(random.integers(0, 3, 6))),
                np.cumsum(random.integers(0, 3, 6)),
            )
            for index in range(3)
        ]
        for n_allowed in (0, 1, 3, 7):
            rows = [list(zip(*one.tried[1:], strict=True)) for one in each]
            totals = [np.sum(combination, axis=0) for combination in itertools.product(*rows)]
            best = max(((f, -n) for f, n in totals if n <= n_allowed), default=None)
            choice = choose(each, n_allowed)
            if best is None:
                assert choice is None
                assert sum(fewest(each).values()) > n_allowed
            else:
                assert (choice.n_found, -choice.n_false_accepts) == best
                for one in each:  # what is said of each label is what its threshold gives
                    at = one.tried.log_odds.tolist().index(choice.log_odds[one.label])
                    assert one.tried.found[at] == choice.found[one.label]
                    assert one.tried.false_accepts[at] == choice.false_accepts[one.label]


def test_false_accepts_go_to_the_label_that_finds_more_with_them():
    a, b = options("a", [1, 2, 3], [0, 1, 2]), options("b", [0, 5, 6], [0, 2, 3])
    choice = choose([a, b], 2)
    assert (choice.found, choice.false_accepts) == ({"a": 1, "b": 5}, {"a": 0, "b": 2})


def test_the_threshold_lies_in_the_middle_of_those_that_give_the_same():
    choice = choose([options("a", [0, 4, 4, 4, 4, 4, 9], [0, 0, 0, 0, 0, 0, 5])], 1)
    assert choice.log_odds == {"a": 3.0}


def test_a_label_that_is_never_said_gets_no_threshold_below_a_half():
    one = options("a", [0, 0, 0, 0], [0, 0, 0, 0], n_words=0)
    one = one._replace(tried=one.tried._replace(log_odds=one.tried.log_odds - 2))
    assert choose([one], 3).log_odds == {"a": 0.0}


def test_thresholds_lie_between_the_values_that_occur():
    assert between(np.array([3.0, -1.0, 3.0, 0.0])).tolist() == [4.0, 1.5, -0.5, -2.0]
