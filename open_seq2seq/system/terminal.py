"""Commands on a terminal: what they print, exit statuses, and streams that cannot be written."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# of a path that the user gave, at whatever place it is first used
_PATH_ERRORS = frozenset(
    {errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EROFS}
)


def escaping(stream: TextIO) -> TextIO:
    """Return ``stream``, which from now on escapes what its encoding lacks.

    By default a name with such a character would end the command.
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
        stream.reconfigure(errors="backslashreplace")
    return stream


def printable(text: str) -> str:
    """Return ``text`` as stdout shows it, for what is laid out by its width, such as a table."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(line: str) -> None:
    """Print a line to stdout."""
    print(line, file=escaping(sys.stdout))


def complain(line: str) -> None:
    """Print a line to stderr, or do nothing if stderr cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=escaping(sys.stderr), flush=True)


def console() -> Console:
    """Return rich's console on stdout, for tables and progress bars.

    It prints text as it is: ``[red]`` and ``:dog:`` in a name are no markup.
    """
    from rich.console import Console  # not needed for --help

    return Console(
        file=escaping(sys.stdout),
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=_is_interactive(),
    )


def _is_interactive() -> bool:
    """Tell whether somebody looks at stdout in a terminal, where a bar can move.

    A cell of a notebook is none, though Jupyter asks commands for colours, which rich takes for a
    terminal, and gives them one where they are called with an exclamation mark. A dumb terminal
    moves nothing.
    """
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return sys.stdout.isatty() and not is_dumb and "JPY_PARENT_PID" not in os.environ


def progress_bar(terminal: Console) -> Progress:
    """Return a bar, to be used as a context, that is shown on a terminal alone and goes at its end.

    Args:
        terminal: as `console` returns it.
    """
    from rich.progress import Progress  # not needed for --help

    return Progress(console=terminal, transient=True, disable=not terminal.is_terminal)


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
    handler = logging.StreamHandler(escaping(sys.stdout))
    handler.setLevel(logging.INFO)
    return handler


def run_command(main: Callable[[], int | None]) -> None:
    """Run ``main`` and exit with its status; print a `UserError` and exit with its status.

    NumPy, which must not be imported yet, multiplies matrices in one thread unless the user's
    environment says otherwise. Clips are spread over the cores already, and OpenBLAS's threads wait
    for each other in a loop: a product of 0.06 ms took 7 ms while another process used the cores.
    """
    if "OMP_NUM_THREADS" not in os.environ:  # OpenBLAS takes that too
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):  # argparse prints too
        escaping(stream)
    try:
        sys.exit(main() or 0)
    except UserError as error:
        complain(f"error: {error}")
        sys.exit(error.exit_status)
    except BrokenPipeError:  # the reader of our output, such as `head`, has ended
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if error.errno not in _PATH_ERRORS or error.filename is None:
            raise
        complain(f"error: {error.filename}: {error.strerror}; name another path")
        sys.exit(UserError.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        settle()
