"""The one exception that means "the user can mend this"."""

from __future__ import annotations

import sys
from collections.abc import Callable

from open_seq2seq import terminal


class UserError(Exception):
    """A mistake in what the user gave: shown as its message alone, exit status 2, no traceback.

    The message names the thing, its value, what was expected and what to do.
    """


def exit_on_user_error(main: Callable[[], int | None]) -> None:
    """Run ``main`` and exit with its status, or with 2 and the message of a `UserError`."""
    try:
        sys.exit(main() or 0)
    except UserError as error:
        terminal.complain(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, `head` perhaps, has gone
        sys.stderr.close()
        sys.exit(141)
    finally:
        terminal.settle()
