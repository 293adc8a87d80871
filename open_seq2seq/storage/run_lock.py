"""One training run to a logdir: a lock of the system's, which ends with its process."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from open_seq2seq.errors import UserError

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def held(logdir: Path) -> Iterator[None]:
    """Keep other runs out of ``logdir``, an existing folder; no file is made for it.

    Raises:
        UserError: another run holds it.
    """
    descriptor = os.open(logdir, os.O_RDONLY)
    try:
        try:
            _lock(descriptor, logdir)
        except OSError as error:  # a file system without locks
            logger.warning(
                "logdir: %s cannot be locked (%s); make sure that no other run uses it",
                logdir,
                error.strerror,
            )
        yield
    finally:
        os.close(descriptor)


def check(logdir: Path) -> None:
    """Refuse a logdir that another run holds.

    Raises:
        UserError: another run holds it.
    """
    if not logdir.is_dir():
        return
    descriptor = os.open(logdir, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            _lock(descriptor, logdir)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, logdir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"logdir: another run is training in {logdir}; wait for it or stop it, "
            "or start this one with another --logdir=DIR"
        ) from None
