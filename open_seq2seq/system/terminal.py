"""The terminal: error messages, exit statuses, and output streams that cannot be written."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from open_seq2seq.errors import UserError


def complain(line: str) -> None:
    """Print a line to stderr, or do nothing if stderr cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def give_up(stream: TextIO) -> None:
    """Redirect a stream that cannot be written, such as a log on a full disk, to /dev/null.

    Its buffer would fail again at every further line, and at exit, where Python would change the
    exit status.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def settle() -> None:
    """Flush stdout and stderr, and give up those that cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            give_up(stream)


@contextlib.contextmanager
def logging_to(handler: logging.Handler) -> Iterator[None]:
    """Send all messages of the package to ``handler`` only, inside the context."""
    logger = logging.getLogger("open_seq2seq")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def stdout_handler() -> logging.Handler:
    """Return a handler that prints messages of level INFO and above to stdout, unformatted."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(logging.INFO)
    return handler


def exit_on_user_error(main: Callable[[], int | None]) -> None:
    """Run ``main`` and exit with its status; print a `UserError` and exit with its status."""
    try:
        sys.exit(main() or 0)
    except UserError as error:
        complain(f"error: {error}")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, such as `head`, has ended
        sys.stderr.close()
        sys.exit(141)
    finally:
        settle()
