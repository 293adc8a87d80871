"""Loops of training steps that can be timed, one turn after the other."""

import time
from collections.abc import Callable
from typing import Any

N_LABELS = 12
_N_UNCOUNTED = 4  # steps at the start of each turn: they may use batches made before it


class Turns:
    """Training that is timed; a subclass makes batches and takes steps."""

    def next_batch(self) -> Any:
        """Return a batch, made from clips."""
        raise NotImplementedError(f"{type(self).__name__}.next_batch")

    def take_step(self, batch: Any) -> None:
        """Take one step, and wait for its end."""
        raise NotImplementedError(f"{type(self).__name__}.take_step")

    def turn(self, n_steps: int) -> float:
        """Return the seconds of a step, from clips to weights."""
        return self._time(n_steps, self.next_batch)

    def bare_turn(self, n_steps: int) -> float:
        """Return the seconds of a step on a batch that is ready."""
        batch = self.next_batch()
        return self._time(n_steps, lambda: batch)

    def _time(self, n_steps: int, make_batch: Callable[[], Any]) -> float:
        for _ in range(_N_UNCOUNTED):
            self.take_step(make_batch())
        started = time.perf_counter()
        for _ in range(n_steps):
            self.take_step(make_batch())
        return (time.perf_counter() - started) / n_steps
