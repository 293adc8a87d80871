"""Files of a logdir that grow during a run; a line that cannot be written does not end it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.system.files import append_line, identity

logger = logging.getLogger(__name__)


class RunFiles:
    """An open logdir.

    Attributes:
        logdir: the folder, made if need be.
    """

    def __init__(self, logdir: Path) -> None:
        """Make ``logdir`` and a first file in it.

        Raises:
            UserError: it cannot be written.
        """
        try:
            logdir.mkdir(parents=True, exist_ok=True)
            (logdir / "run.log").open("a").close()
        except OSError as error:
            raise UserError(
                f"logdir: cannot write to {logdir} ({error.strerror}); "
                "name another with --logdir=DIR"
            ) from None
        self.logdir = logdir
        self._identity = identity(logdir)
        self._lost: set[str] = set()

    def check(self) -> None:
        """Make sure that the logdir is still the folder that was opened.

        Raises:
            UserError: it was deleted, moved, or another one has taken its place.
        """
        if identity(self.logdir) != self._identity:
            raise UserError(
                f"logdir: {self.logdir} was deleted or moved while the run was going on; nothing "
                "more can be saved, and what was saved is where it has gone"
            )

    def append(self, name: str, line: str, *, to_disk: bool = False) -> None:
        """Append a line to a file; ``to_disk``: wait until it would survive a power cut."""
        with self.tolerating(name):
            append_line(self.logdir / name, line, to_disk=to_disk)

    def read(self, name: str) -> str:
        """Return the text of a file; "" of one that is not there or cannot be read."""
        try:
            return (self.logdir / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @contextlib.contextmanager
    def tolerating(self, name: str) -> Iterator[None]:
        """Do without what cannot be written to ``name``, and say so once."""
        try:
            yield
        except (OSError, tf.errors.OpError, UserError) as error:
            if name not in self._lost:
                self._lost.add(name)
                reason = getattr(error, "strerror", None)
                reason = reason or str(error).split("}} ")[-1].splitlines()[0]
                logger.warning(
                    "%s/%s: cannot be written (%s); the run continues without these lines",
                    self.logdir,
                    name,
                    reason,
                )
