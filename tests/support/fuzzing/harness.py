"""Run inputs of one kind, each from a seed and an index that make it again."""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from open_seq2seq.errors import UserError

LIMIT_S = 20.0  # for one input; on an idle machine none takes a second
_MAX_MESSAGE = 4000  # characters: what a person reads


class Fuzzer(Protocol):
    """One kind of input; what it has to prepare, it prepares in a folder of its own when it is
    made.
    """

    def run(self, rng: np.random.Generator) -> str:
        """Make an input and try it.

        Returns:
            what it was, in a few words.

        Raises:
            Refused: the toolkit refused it, as it may.
            Exception: anything else is a failure, an AssertionError where something wrong was
                accepted.
        """


class Refused(Exception):
    """An input that was refused in words; the message says what it was."""


class TooSlow(BaseException):
    """The limit of time is over; no ``except Exception`` stops it."""


class Report(NamedTuple):
    """What became of some inputs."""

    n_accepted: int = 0
    n_refused: int = 0
    failures: tuple[str, ...] = ()
    slowest_s: float = 0.0

    def __add__(self, other: Any) -> Report:
        return Report(
            self.n_accepted + other.n_accepted,
            self.n_refused + other.n_refused,
            self.failures + other.failures,
            max(self.slowest_s, other.slowest_s),
        )


def run(fuzzer: Fuzzer, seed: int, indices: Iterable[int], note: Path | None = None) -> Report:
    """Try some inputs; ``note`` is a file that always names the one in progress, for a process that
    may not survive.
    """
    report = Report()
    for index in indices:
        name = f"{type(fuzzer).__module__.rpartition('.')[2]}, seed {seed}, input {index}"
        if note is not None:
            note.write_text(name)
        started = time.perf_counter()
        accepted, failures = 0, ()
        try:
            with _limit(LIMIT_S), warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter(
                    "ignore", SyntaxWarning
                )  # Python's own word on a config, with file and line
                fuzzer.run(np.random.default_rng([seed, index]))
            accepted = 1
        except Refused:
            pass
        except (Exception, TooSlow):
            failures = (f"{name}\n{traceback.format_exc()}",)
        seconds = time.perf_counter() - started
        report += Report(accepted, not (accepted or failures), failures, seconds)
    return report


@contextlib.contextmanager
def refusal_of(what: str, *names: str, is_sound: bool = False) -> Iterator[None]:
    """Turn a `UserError` into `Refused`, provided that its message is fit to be read and has one of
    ``names`` in it.

    An input that ``is_sound`` may not be refused.
    """
    try:
        yield
    except UserError as error:
        message = str(error)
        assert not is_sound, f"{what}: refused, {message[:500]}"
        assert any(name in message for name in names), (
            f"{what}: none of {names} in {message[:500]!r}"
        )
        assert len(message) <= _MAX_MESSAGE, (
            f"{what}: a message of {len(message):,} characters: {message[:500]!r}"
        )
        raise Refused(what) from None


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlow(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
