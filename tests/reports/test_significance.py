"""Differences of accuracies, against closed forms."""

import numpy as np
import pytest

from open_seq2seq.reports.significance import difference


def rights(both, first, second, neither):
    """Return what two models get right, of so many clips each."""
    one = [1.0] * both + [1.0] * first + [0.0] * second + [0.0] * neither
    two = [1.0] * both + [0.0] * first + [1.0] * second + [0.0] * neither
    return np.array(one), np.array(two)


def own_speakers(clips):
    return np.arange(len(clips)).astype(str)


def test_single_models_get_mcnemars_exact_p():
    """Of 10 clips that one alone gets right, 1 and 9: 2 * (1 + 10) / 2 ** 10."""
    one, two = rights(80, 1, 9, 10)
    found = difference(one, two, own_speakers(one))
    assert found.p_value == pytest.approx(22 / 1024)
    assert found.value == pytest.approx(0.08)
    assert (found.n_first, found.n_second, found.n_speakers) == (1, 9, 100)
    # the bootstrap's interval is nearly the normal one: 0.08 +- 1.96 sqrt((0.1 - 0.08**2) / 100)
    half = 1.96 * np.sqrt((0.10 - 0.08**2) / 100)
    assert found.interval == pytest.approx((0.08 - half, 0.08 + half), abs=0.012)


def test_equal_models_do_not_differ():
    one, _ = rights(5, 0, 0, 5)
    found = difference(one, one, own_speakers(one))
    assert (found.value, found.interval, found.p_value) == (0, (0, 0), 1)


def test_random_signs_of_several_seeds_give_the_same_p_as_counting_them_all():
    """Gains of 1/2: five up and one down. Of 64 signs 2 * (1 + 6) are as far from 0."""
    one = np.array([0.5] * 6)
    two = np.array([1.0] * 5 + [0.0])
    p = difference(one, two, own_speakers(one)).p_value
    assert p == pytest.approx(14 / 64, abs=0.013)  # three standard deviations of 10,000 draws


def test_clips_of_one_speaker_are_drawn_together():
    """All gains are one speaker's of ten: what is drawn is how often he is, binomial(10, 0.1)."""
    one, two = rights(90, 0, 10, 0)
    speakers = np.repeat(np.arange(10), 10).astype(str)
    found = difference(one, two, speakers)
    assert found.n_speakers == 10
    low, high = found.interval
    assert low == 0 and high == pytest.approx(0.3, abs=1e-9)
    apart_low, apart_high = difference(one, two, own_speakers(one)).interval
    assert apart_high - apart_low < high - low


def test_clips_of_no_known_speaker_are_drawn_one_by_one():
    one, two = rights(90, 0, 10, 0)
    nobody = difference(one, two, np.full(100, ""))
    assert nobody.interval == difference(one, two, own_speakers(one)).interval
    assert (nobody.n_speakers, nobody.n_without) == (0, 100)
    some = difference(one, two, np.array(["a"] * 50 + ["b"] * 40 + [""] * 10))
    assert (some.n_speakers, some.n_without) == (2, 10)


def test_one_speaker_says_nothing_about_others():
    one, two = rights(0, 0, 20, 0)
    assert difference(one, two, np.array(["me"] * 20)).interval is None
    assert difference(one, two, np.array(["me"] * 19 + [""])).interval is None
