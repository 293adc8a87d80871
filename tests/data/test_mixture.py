import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from open_seq2seq.data.mixture import Mixture

few = settings(max_examples=60, deadline=None)


def test_the_first_source_is_seen_once_and_the_others_as_their_weights_say():
    mixture = Mixture.of([10, 4, 100], [1.0, 0.5, 0.21])
    assert (mixture.counts, mixture.n_slots) == ((10, 5, 2), 17)
    assert Mixture.of([10, 4], [0.0, 2.0]).counts == (0, 4)  # a first source that is not used


def test_a_given_number_of_slots_is_shared_exactly():
    assert Mixture.of([1, 1, 1], [1.0, 1.0, 1.0], 11).counts == (4, 4, 3)
    assert Mixture.of([5, 50], [3.0, 1.0], 10).counts == (8, 2)  # 7.5 and 2.5: the first one wins
    assert Mixture.of([5, 50], [1.0, 3.0], 2).counts == (1, 1)
    assert Mixture.of([5, 50], [1e-9, 1.0], 1000).counts == (0, 1000)


def test_one_source_is_as_it_is():
    np.testing.assert_array_equal(Mixture.of([7], [1.0]).rows(3, 5), np.arange(7))


@few
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    n_slots=st.integers(1, 40),
    seed=st.integers(0, 3),
    data=st.data(),
)
def test_every_row_of_a_source_is_seen_equally_often(sizes, n_slots, seed, data):
    weights = data.draw(st.lists(st.floats(0.1, 5), min_size=len(sizes), max_size=len(sizes)))
    mixture = Mixture.of(sizes, weights, n_slots)
    assert mixture.n_slots == n_slots
    firsts = np.cumsum([0, *sizes[:-1]])
    for first, size, count in zip(firsts, sizes, mixture.counts, strict=True):
        # after as many epochs as it has rows, a source was gone through ``count`` times
        epochs = [mixture.rows(seed, epoch) for epoch in range(size)]
        for epoch in epochs:
            assert ((epoch >= first) & (epoch < first + size)).sum() == count
        seen = np.bincount(np.concatenate(epochs), minlength=sum(sizes))[first : first + size]
        assert (seen == count).all()


def test_epochs_differ_and_are_the_same_whoever_asks():
    mixture = Mixture.of([100, 100], [1.0, 0.3])
    first, second = mixture.rows(0, 0)[100:], mixture.rows(0, 1)[100:]
    assert not set(first) & set(second)  # the first 60 of one order of 100
    np.testing.assert_array_equal(first, Mixture.of([100, 100], [1.0, 0.3]).rows(0, 0)[100:])
    assert (mixture.rows(1, 0)[100:] != first).any()


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_source_of_one_row_fills_its_slots(count):
    np.testing.assert_array_equal(Mixture((2, 1), (2, count)).rows(0, 4), [0, 1] + [2] * count)
