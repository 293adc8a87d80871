"""One training run to a logdir: the lock is the system's, and ends with the process whatever ends
that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from open_seq2seq.errors import UserError


@contextlib.contextmanager
def held(logdir: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Keep other runs out of ``logdir``, an existing folder; no file is made for it.

    Args:
        logdir: of the run.
        report: is told where the file system knows no locks.

    Raises:
        UserError: another run holds it.
    """
    descriptor = os.open(logdir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"logdir: another run is training in {logdir}; wait for it or stop it, "
                "or start this one with another --logdir=DIR"
            ) from None
        except OSError as error:
            report(
                f"logdir: {logdir} cannot be locked ({error.strerror}); see to it that no other run uses it"
            )
        yield
    finally:
        os.close(descriptor)


def check(logdir: Path) -> None:
    """Refuse a logdir that another run holds.

    Raises:
        UserError: another run holds it.
    """
    if logdir.is_dir():
        with held(logdir, lambda line: None):
            pass
