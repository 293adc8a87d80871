"""Messages that the package logs, as a list of lines."""

import contextlib
import logging
from collections.abc import Iterator

from open_seq2seq.system.terminal import logging_to


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def collected() -> Iterator[list[str]]:
    """Yield a list to which each message is appended inside the context."""
    handler = _Lines()
    with logging_to(handler):
        yield handler.lines
