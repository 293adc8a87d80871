"""What is told of recordings while they are labelled."""

from __future__ import annotations

import logging

from open_seq2seq.data import notices
from open_seq2seq.data.front_end import FrontEnd

_MOST = 30

logger = logging.getLogger(__name__)


class Warnings:
    """Logs what is odd about recordings, a few times: a model that stays loaded hears many."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._first = notices.warnings_of_front_end(front_end)
        self._left = _MOST
        self._unsaid = 0
        self._is_finished = False
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        """Log a line about a recording, or count it."""
        if self._left:
            self._left -= 1
            logger.warning(line)
        else:
            self._unsaid += 1

    def once(self, line: str) -> None:
        """Log a line that is no recording's, the first time."""
        if line not in self._said:
            self._said.add(line)
            logger.warning(line)

    def begin(self) -> None:
        """Before the first recordings, log what is odd about the front end."""
        while self._first:
            logger.warning(self._first.pop(0))

    def finish(self) -> None:
        """Tell once how many lines there were that nobody has seen."""
        if self._unsaid and not self._is_finished:
            self._is_finished = True
            logger.warning(
                f"and {self._unsaid:,} more such lines about other clips; no more are named"
            )
