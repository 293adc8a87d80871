"""Files and folders: checked before they are opened, written whole or not at all."""

from __future__ import annotations

import codecs
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


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file or folder from another one of its name, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_text(path: str | Path) -> None:
    """Refuse what `check_plain` refuses, and text in UTF-16 or UTF-32.

    Raises:
        OSError: as `check_plain`.
        ValueError: no file can have this name, or it is text of these kinds.
    """
    check_plain(path)
    with open(path, "rb") as file:
        start = file.read(4)
    # both mark their beginning, or else one of two bytes or more is zero
    if b"\0" in start or start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16 or UTF-32 text, expected utf-8")


def append_line(path: Path, line: str, *, to_disk: bool) -> None:
    """Append one line, and remove an incomplete last line first, left by a crash or a full disk.

    Args:
        path: the file; it is created if missing, but its folder is not.
        line: the line without a line break; what UTF-8 lacks is escaped.
        to_disk: whether to wait until the line would survive a power cut.

    Raises:
        OSError: the line cannot be written; the file is unchanged.
    """
    data = f"{line}\n".encode(errors="backslashreplace")
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


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder that is renamed to ``path`` at the end.

    Whenever the process ends, ``path`` is unchanged or complete. If the block raises, the temporary
    file or folder is deleted. A folder can replace only an empty folder.
    """
    partial = partial_path(path)
    remove(partial)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            remove(partial)


def write_text(path: Path, text: str, errors: str = "strict") -> None:
    """Write UTF-8, whole or not at all, and to the disk.

    Args:
        path: of the file.
        text: with its own ends of lines.
        errors: what becomes of characters that UTF-8 lacks.

    Raises:
        OSError: it cannot be written; a file that was there stays.
    """
    with (
        written_aside(path) as partial,
        open(partial, "w", encoding="utf-8", newline="", errors=errors) as file,
    ):
        file.write(text)
        flush_file(file)


def partial_path(path: Path) -> Path:
    """Return the temporary path of `written_aside`."""
    return path.with_name(f".{path.name}.partial")


def is_vacant(folder: Path) -> bool:
    """Tell whether a new folder can become ``folder``: it does not exist or is empty."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def remove(path: Path) -> None:
    """Delete a file, a link or a whole folder, if it exists."""
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
