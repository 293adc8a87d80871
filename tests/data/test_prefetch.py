from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from open_seq2seq.data.prefetch import prefetch

PATIENCE_S = 20  # for a broken prefetch only; a working one never waits that long


def n_threads() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


def close(ahead: Iterator) -> None:
    """Close it in another thread, so that one that hangs fails the test."""
    closer = threading.Thread(target=ahead.close, daemon=True)
    closer.start()
    closer.join(PATIENCE_S)
    assert not closer.is_alive(), "close() hangs"


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_items_come_in_order(depth):
    assert list(prefetch(iter(range(20)), depth)) == list(range(20))
    assert n_threads() == 0


def test_none_and_false_are_items_like_others():
    assert list(prefetch([None, False, (None, None)], 2)) == [None, False, (None, None)]


def test_an_exception_comes_in_its_place():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("the third")

    ahead = prefetch(items(), 5)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(KeyError, match="the third"):
        next(ahead)
    assert n_threads() == 0


def test_it_works_in_another_thread_ahead_but_only_so_far():
    made = threading.Semaphore(0)
    makers = []

    def items() -> Iterator[int]:
        for i in itertools.count():
            makers.append(threading.current_thread().name)
            made.release()
            yield i

    ahead = prefetch(items(), 3)
    assert next(ahead) == 0
    # one taken, three waiting, one in hand; made while nobody asks
    assert all(made.acquire(timeout=PATIENCE_S) for _ in range(5))
    close(ahead)
    assert len(makers) == 5
    assert set(makers) == {"prefetch"}


@pytest.mark.parametrize("n_taken", [1, 2])
def test_closing_early_ends_the_thread(n_taken):
    ahead = prefetch(itertools.count(), 1)
    for _ in range(n_taken):
        next(ahead)
    assert n_threads() == 1
    close(ahead)
    assert n_threads() == 0
