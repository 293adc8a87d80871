"""Run fuzz inputs of one kind, each reproducible from a seed and an index."""

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
_MAX_MESSAGE = 4000  # characters, as much as a person reads


class Fuzzer(Protocol):
    """One kind of input; its constructor prepares what it needs in an empty folder."""

    def run(self, rng: np.random.Generator) -> str:
        """Make an input and try it.

        Returns:
            a short description of the input.

        Raises:
            Refused: the toolkit refused the input, as it may.
            Exception: a failure; an AssertionError if something wrong was accepted.
        """


class Refused(Exception):
    """An input was refused with a message; the exception has the description of the input."""


class TooSlow(BaseException):
    """The time limit was exceeded; no ``except Exception`` catches this."""


class Report(NamedTuple):
    """Outcome of some inputs."""

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
    """Try some inputs.

    Args:
        fuzzer: the kind of input.
        seed: seed of all inputs.
        indices: numbers of the inputs.
        note: file with the name of the current input, for a process that may crash.
    """
    report = Report()
    for index in indices:
        name = f"{type(fuzzer).__module__.rpartition('.')[2]}, seed {seed}, input {index}"
        if note is not None:
            note.write_text(name)
        started = time.perf_counter()
        try:
            with _limit(LIMIT_S), warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", SyntaxWarning)  # Python's about a config's code
                fuzzer.run(np.random.default_rng([seed, index]))
            outcome = Report(n_accepted=1)
        except Refused:
            outcome = Report(n_refused=1)
        except (Exception, TooSlow):
            outcome = Report(failures=(f"{name}\n{traceback.format_exc()}",))
        report += outcome._replace(slowest_s=time.perf_counter() - started)
    return report


@contextlib.contextmanager
def refusal_of(what: str, *names: str, is_sound: bool = False) -> Iterator[None]:
    """Turn a `UserError` into `Refused` after a check of its message.

    Args:
        what: description of the input.
        names: the message must contain one of them.
        is_sound: whether the input is correct, so that a refusal is a failure.
    """
    try:
        yield
    except UserError as error:
        message = str(error)
        start = message[:500]
        assert not is_sound, f"{what}: refused, {start}"
        assert any(name in message for name in names), f"{what}: none of {names} in {start!r}"
        n = len(message)
        assert n <= _MAX_MESSAGE, f"{what}: a message of {n:,} characters: {start!r}"
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
