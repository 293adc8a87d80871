"""Files that a user asks for: refused before the work is done where they cannot be written."""

from __future__ import annotations

from pathlib import Path

from open_seq2seq.errors import UserError
from open_seq2seq.system.files import partial_path


def check_output(path: Path, flag: str) -> None:
    """Try whether a file can be written; one that is there stays.

    Args:
        path: of the file.
        flag: that names it, for the message.

    Raises:
        UserError: it cannot.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        partial = partial_path(path)
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise cannot_write(path, error, flag) from None


def cannot_write(path: Path, error: OSError, flag: str) -> UserError:
    """Return the error of a file that cannot be written."""
    return UserError(f"{flag}: cannot write {path} ({error.strerror or error}); name another file")
