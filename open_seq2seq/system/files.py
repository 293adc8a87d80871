"""Checks before a file is opened, and lines that are appended whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from io import FileIO
from pathlib import Path

_BLOCK_BYTES = 1 << 12
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_plain(path: str | Path) -> None:
    """Refuse anything but a regular file: opening a pipe could wait forever for a writer.

    Raises:
        OSError: the path is a folder, a pipe, a socket or a device, or cannot be reached.
        ValueError: no file can have this name.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"It is {kind}, expected a file", str(path))


def append_line(path: Path, line: str, *, to_disk: bool) -> None:
    """Append one line, and remove an incomplete last line first, left by a crash or a full disk.

    Args:
        path: the file; it is created if missing, but its folder is not.
        line: the line without a line break.
        to_disk: whether to wait until the line would survive a power cut.

    Raises:
        OSError: the line cannot be written; the file is unchanged.
    """
    data = (line + "\n").encode()
    with open(path, "ab+", buffering=0) as file:
        # lock, as an evaluation beside the run appends too: its half-written line must not be cut
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        size, end = file.seek(0, os.SEEK_END), _end_of_last_line(file)
        if end < size:
            file.truncate(end)
        try:
            while data:  # on a nearly full disk, one write takes a part and the next one fails
                data = data[file.write(data) :]
            if to_disk:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise


def _end_of_last_line(file: FileIO) -> int:
    """Return the offset after the last line break, or 0 if there is none."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        index = file.read(end - start).rfind(b"\n")
        if index >= 0:
            return start + index + 1
        end = start
    return 0
