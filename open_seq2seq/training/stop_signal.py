"""Ctrl-C and SIGTERM, handled by the training loop between two steps."""

from __future__ import annotations

import signal


class StopSignal:
    """Within this, the first signal asks the run to save and stop; the second ends it at once.

    Attributes:
        is_set: whether a signal came.
        number: of the signal, 0 before it.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.number = 0

    def __enter__(self) -> StopSignal:
        self._previous = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        if self.is_set:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.is_set = True
        self.number = number
