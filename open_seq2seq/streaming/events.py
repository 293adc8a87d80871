"""From probabilities over time to events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_NEVER = -np.inf


class Event(NamedTuple):
    """A keyword that was heard."""

    label: str
    start: float  # seconds since the stream began, of the window in which it was heard
    end: float
    score: float  # averaged probability with which it became an event


class EventDetector:
    """Averages the last probabilities; a label that rises to its threshold is an event.

    It is none again until it has fallen below the threshold and the gap is over.
    """

    def __init__(
        self,
        labels: Sequence[str],
        thresholds: Sequence[float | None],
        *,
        smoothing: int,
        min_gap_s: float,
    ) -> None:
        """Begin with nothing heard.

        Args:
            labels: names, in the order of the probabilities.
            thresholds: of each label; None: it is never an event.
            smoothing: how many probabilities are averaged.
            min_gap_s: seconds between two events of one label at least.
        """
        self._labels, self._min_gap_s = list(labels), min_gap_s
        self._thresholds = np.array([np.inf if t is None else t for t in thresholds])
        self._last = np.zeros((smoothing, len(self._labels)), np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._n_heard = 0  # probabilities so far
        self._last[:] = 0.0
        self._may_fire = np.ones(len(self._labels), bool)
        self._fired_s = np.full(len(self._labels), _NEVER)

    def push(self, start_s: float, end_s: float, probabilities: np.ndarray) -> list[Event]:
        """Take the probabilities of the next window, [labels], and return the events.

        Args:
            start_s: of the window.
            end_s: of the window.
            probabilities: of the labels.
        """
        smoothing = len(self._last)
        self._last[self._n_heard % smoothing] = probabilities
        self._n_heard += 1
        if self._n_heard < smoothing:
            return []
        # in one order of adding, whatever row is the newest
        averages = np.roll(self._last, -(self._n_heard % smoothing), axis=0).mean(axis=0)
        is_above = averages >= self._thresholds
        is_event = is_above & self._may_fire & (end_s - self._fired_s >= self._min_gap_s)
        self._may_fire = ~is_above | (self._may_fire & ~is_event)
        self._fired_s[is_event] = end_s
        return [
            Event(self._labels[index], start_s, end_s, float(averages[index]))
            for index in np.flatnonzero(is_event)
        ]

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here."""
        return {
            "n_heard": self._n_heard,
            "last": self._last.copy(),
            "may_fire": self._may_fire.copy(),
            "fired_s": self._fired_s.copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a detector of the same labels and parameters."""
        self._n_heard = int(state["n_heard"])
        self._last[:] = state["last"]
        self._may_fire, self._fired_s = state["may_fire"].copy(), state["fired_s"].copy()
