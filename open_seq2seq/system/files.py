"""Files and folders: checked before they are opened, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import IO, Any

_BLOCK = 1 << 12  # bytes
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_plain(path: str | Path) -> None:
    """Refuse what is no plain file: to open a pipe is to wait for somebody who writes into it,
    perhaps for ever.

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


def append_line(path: Path, line: str, *, to_disk: bool) -> None:
    """Append one line, in one write; what a crash or a full disk has cut short before it is taken
    away.

    Args:
        path: of the file, which is made if need be; its folder is not.
        line: without its end.
        to_disk: whether to wait until it would survive a power cut.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    data = (line + "\n").encode()
    with open(path, "ab+", buffering=0) as file:
        with contextlib.suppress(OSError):  # of a file system without locks
            fcntl.flock(
                file, fcntl.LOCK_EX
            )  # an evaluation beside the run appends too: its line is not half a line
        size, end = file.seek(0, os.SEEK_END), _end_of_last_line(file)
        if end < size:
            file.truncate(end)
        try:
            while data:  # a disk that is about to be full takes a part, and refuses the rest
                data = data[file.write(data) :]
            if to_disk:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise


def _end_of_last_line(file: FileIO) -> int:
    """Return the place after the last end of a line, 0 where there is none."""
    place = file.seek(0, os.SEEK_END)
    while place:
        start = max(0, place - _BLOCK)
        file.seek(start)
        found = file.read(place - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        place = start
    return 0


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to make a file or folder at; afterwards it takes that name.

    So ``path`` is what it was, or the new one whole, whenever the process ends. What is made is
    deleted where the block raises. A folder can take the place of an empty folder only.
    """
    partial = partial_path(path)
    remove(partial)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            remove(partial)


def partial_path(path: Path) -> Path:
    """Return where `written_aside` makes ``path``."""
    return path.with_name(f".{path.name}.partial")


def remove(path: Path) -> None:
    """Delete a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush_file(file: IO[Any]) -> None:
    """Wait until what was written to an open file would survive a power cut."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder would survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
