"""What has to be known of a file before it is opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_plain(path: str | Path) -> None:
    """Refuse what is no plain file: to open a pipe is to wait for somebody who writes into it, perhaps for ever.

    Raises:
        OSError: it is a folder, a pipe, a socket or a device, or cannot be reached.
        ValueError: no file can have this name.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"It is {kind}, expected a file", str(path))
