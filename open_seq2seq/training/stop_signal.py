"""Ctrl-C and SIGTERM as a wish that the training loop grants between two steps."""

from __future__ import annotations

import signal


class StopRequest:
    """Within its context, the first signal asks the run to save and stop, the second ends it at
    once.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.signal: int = 0

    def __enter__(self) -> StopRequest:
        self._previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        if self.is_set:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.is_set, self.signal = True, number
