"""Probabilities of overlapping windows of a stream, for every network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from open_seq2seq.inference.params import Windows


class Scores(NamedTuple):
    """The probabilities of one window."""

    start: int  # sample of the stream
    end: int
    probabilities: np.ndarray  # float32 [labels]


class Scorer(Protocol):
    """What takes the samples of a stream and gives probabilities."""

    @property
    def delay_s(self) -> float:
        """Seconds after the end of a window that have to be heard for its probabilities."""

    def reset(self) -> None:
        """Forget all samples."""

    def push(self, samples: np.ndarray) -> Iterator[Scores]:
        """Take int16 samples and yield the windows that they complete."""


class WindowScorer:
    """Keeps the last window's samples.

    Each window is computed by itself: in a batch its probabilities would have other bits.
    """

    def __init__(
        self, windows: Windows, probabilities: Callable[[list[np.ndarray]], np.ndarray]
    ) -> None:
        """Begin with no samples.

        Args:
            windows: their length and hop in samples.
            probabilities: of int16 waveforms [samples], float32 [clips, labels].
        """
        self._windows, self._probabilities = windows, probabilities
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._start = 0  # of the next window; Python's integers have no end
        self._held: np.ndarray = np.zeros(0, np.int16)  # samples from there on

    def push(self, samples: np.ndarray) -> Iterator[Scores]:
        """Take int16 samples and yield the windows that they complete."""
        length, hop = self._windows
        self._held = np.concatenate([self._held, samples])
        while len(self._held) >= length:
            window = self._held[:length]
            start = self._start
            self._held, self._start = self._held[hop:], start + hop
            yield Scores(start, start + length, self._probabilities([window])[0])

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here."""
        return {"start": self._start, "held": self._held.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._start, self._held = int(state["start"]), state["held"].copy()
