"""Intervals of rates, against closed forms and published tables."""

import math

import pytest

from open_seq2seq.detection.intervals import (
    evidence,
    hours_needed,
    poisson_interval,
    upper_bound,
)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(1, 0.0253, 5.5716), (3, 0.6187, 8.7673), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904)],
)
def test_the_interval_of_a_count_is_garwoods(n, low, high):
    """The table of exact limits that textbooks print, at 95 %."""
    assert poisson_interval(n, 1.0) == pytest.approx((low, high), abs=5e-5)
    assert poisson_interval(n, 4.0) == pytest.approx((low / 4, high / 4), abs=5e-5)


def test_without_an_event_the_interval_ends_where_none_has_a_chance_of_a_fortieth():
    assert poisson_interval(0, 2.0) == pytest.approx((0.0, -math.log(0.025) / 2.0))


def test_the_rule_of_three():
    assert upper_bound(0, 6.0) == pytest.approx(-math.log(0.05) / 6.0)
    assert hours_needed(0.5) == pytest.approx(-math.log(0.05) / 0.5)
    assert hours_needed(0.5) == pytest.approx(6.0, rel=0.01)


def test_the_bound_of_one_event_solves_its_equation():
    """At the bound b none or one event has a chance of a twentieth: exp(-b) (1 + b)."""
    bound = upper_bound(1, 1.0)
    assert math.exp(-bound) * (1 + bound) == pytest.approx(0.05)


def test_what_the_hours_cannot_show_is_said():
    assert evidence(0, 1.7, 0.5) == (
        "0 false accepts in 1.7 h show at most 1.76 per hour (95%); 5.99 h without one are "
        "needed to show 0.5"
    )
    assert "within the 0.5 that are wanted" in evidence(0, 6.0, 0.5)
    assert evidence(1, 6.0, 0.5).startswith("1 false accept in 6 h shows at most 0.791 per hour")
