"""The exceptions that mean "the user can mend this"."""

from __future__ import annotations

import sys
from collections.abc import Callable

from open_seq2seq import terminal


class UserError(Exception):
    """A mistake in what the user gave: shown as its message alone, with this exit status and no traceback.

    The message names the thing, its value, what was expected and what to do.
    """

    exit_status = 2


class LostWorkerError(UserError):
    """Another process of the run is lost; ``cause`` names it."""

    exit_status = 3

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"{cause}; this process stops too. The last checkpoint is intact: train on with --continue_learning"
        )
        self.cause = cause


def exit_on_user_error(main: Callable[[], int | None]) -> None:
    """Run ``main`` and exit with its status, or with the message of a `UserError` and its status."""
    try:
        sys.exit(main() or 0)
    except UserError as error:
        terminal.complain(f"error: {error}")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, `head` perhaps, has gone
        sys.stderr.close()
        sys.exit(141)
    finally:
        terminal.settle()
