"""Download of published archives: fetch, verify the checksum, and unpack all or nothing."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from open_seq2seq.errors import UserError, shown
from open_seq2seq.system.files import sha256_of, written_aside
from open_seq2seq.system.tar_headers import LONGEST_NAME, READ_ERRORS, TarHeader

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 60
_MOST_MEMBERS = 1 << 19  # the larger release of Speech Commands has 105,000
# errors that a member's name causes, not the disk
_ERRORS_OF_NAMES = (
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EILSEQ,
    errno.EINVAL,
)
# an additional check; patch releases of Python 3.10 and 3.11 before mid-2023 lack it
_FILTER: dict[str, Any] = {}
if hasattr(tarfile, "data_filter"):
    _FILTER["filter"] = "data"


class Archive(NamedTuple):
    """A published .tar.gz.

    Attributes:
        url: address of the archive.
        sha256: its checksum, in lower case.
        max_bytes: largest total size of the unpacked files.
    """

    url: str
    sha256: str
    max_bytes: int


class Wanted(NamedTuple):
    """What an archive must contain, and the wording of messages about it.

    Attributes:
        is_in: tells whether an unpacked folder has the wanted contents.
        noun: name of the contents, such as "dataset".
        lacking: message about an archive with other contents.
        again: how to retry, such as "run the command again".
        make_room: remedy for a full disk.
        flag: start of the messages, such as "--download: ", or "".
    """

    is_in: Callable[[Path], bool]
    noun: str
    lacking: str
    again: str
    make_room: str
    flag: str = ""


def fetch_and_unpack(
    archive: Archive, file: Path, folder: Path, wanted: Wanted, *, keep_file: bool
) -> None:
    """Fetch ``archive`` as ``file``, verify its checksum and unpack it as ``folder``.

    The folder appears only when all is unpacked. An interrupted download is resumed, and an
    existing ``file`` is used instead of a download.

    Args:
        archive: the archive to fetch.
        file: path of the fetched archive.
        folder: a new or an empty folder, see `is_vacant`.
        wanted: what the archive must contain.
        keep_file: whether ``file`` is kept after it is unpacked or refused.

    Raises:
        UserError: the archive cannot be fetched or stored, its checksum is wrong, or it has unsafe
            or unwanted contents.
    """
    folder = folder.resolve()
    try:
        for parent in (file.parent, folder.parent):
            parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            partial = file.with_name(file.name + ".partial")
            _fetch(archive.url, partial, file, wanted)
            _check_sha256(partial, archive, file, wanted)
            os.replace(partial, file)
        else:
            logger.info("%susing %s, which exists already", wanted.flag, file)
            _check_sha256(file, archive, file, wanted)
        logger.info("%sunpacking %s", wanted.flag, file)
        try:
            _unpack(file, folder, archive, wanted, source=str(file) if keep_file else archive.url)
        except UserError:  # the checksum is right, so the archive would be refused again
            if not keep_file:
                file.unlink()
            raise
        if not keep_file:
            file.unlink()
    except OSError as error:
        raise UserError(
            f"{wanted.flag}{error.strerror or error} ({error.filename or folder.parent}); "
            f"{wanted.make_room}, and {wanted.again}"
        ) from None


def _fetch(url: str, partial: Path, file: Path, wanted: Wanted) -> None:
    """Fetch ``url`` to ``partial``, and resume after errors as long as each try fetches more."""
    while True:
        n_before = _size(partial)
        try:
            size = _fetch_once(url, partial)
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
            UnicodeError,
        ) as error:
            # Python raises a UnicodeError for a host such as "example..org"
            size, reason = None, _reason(error)
            is_final = isinstance(error, urllib.error.HTTPError)  # an answer such as 404
        else:
            reason, is_final = "the connection was cut", False
        n_bytes = _size(partial)
        if size is not None and n_bytes >= size:
            _version_note(partial).unlink(missing_ok=True)
            return
        if is_final or n_bytes <= n_before:
            raise UserError(
                f"{wanted.flag}{url}: {reason} after {n_bytes:,} bytes; {wanted.again} to resume "
                f"the download. By hand: fetch the URL to {file} and {wanted.again}"
            )


def _size(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def _fetch_once(url: str, partial: Path) -> int | None:
    """Fetch the missing bytes of ``url`` in one request; return its full size, or None if unknown.

    A partial file is continued only if the server named its version (ETag or date). ``If-Range``
    then makes the server send the whole file if it has changed since.
    """
    note = _version_note(partial)
    n_have = _size(partial) if note.exists() else 0
    request = urllib.request.Request(url)
    if n_have:
        request.add_header("Range", f"bytes={n_have}-")
        request.add_header("If-Range", note.read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not n_have:
            raise
        if error.headers["Content-Range"] == f"bytes */{n_have}":  # it is complete already
            return n_have
        partial.unlink()  # it is longer than the file on the server
        return _fetch_once(url, partial)
    with response:
        resumed = n_have > 0 and response.status == http.client.PARTIAL_CONTENT
        if resumed and not (response.headers["Content-Range"] or "").startswith(f"bytes {n_have}-"):
            partial.unlink()  # not the part that was requested
            return _fetch_once(url, partial)
        version = response.headers["ETag"] or response.headers["Last-Modified"]
        mode = "ab"
        if not resumed:
            n_have, mode = 0, "wb"
            note.unlink(missing_ok=True)
        size = None
        if length := response.headers["Content-Length"]:
            size = n_have + int(length)
        with open(partial, mode) as file, _progress() as progress:
            # a weak ETag (W/...) does not guarantee the same bytes
            if version and not version.startswith("W/"):
                note.write_text(version, encoding="utf-8")
            task = progress.add_task("", total=size, completed=n_have)
            while block := _read(response):
                file.write(block)
                progress.advance(task, len(block))
    if size is None:
        return _size(partial)
    return size


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read a block; an OSError here comes from the network, not from the disk."""
    try:
        return response.read(_BLOCK_BYTES)
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _version_note(partial: Path) -> Path:
    """Return the file that stores which version on the server ``partial`` belongs to."""
    return partial.with_name(partial.name + ".version")


def _progress() -> Progress:
    return Progress(
        BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), transient=True
    )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return f"no answer ({getattr(error, 'reason', None) or error or type(error).__name__})"


def _check_sha256(path: Path, archive: Archive, file: Path, wanted: Wanted) -> None:
    """Raise a `UserError` if the SHA-256 of ``path`` is wrong; delete it unless it is ``file``."""
    sha256 = sha256_of(path)
    if sha256 == archive.sha256:
        return
    if path == file:
        remedy = f"it is not the published archive: delete it and {wanted.again}"
    else:
        path.unlink()
        remedy = f"it was deleted: {wanted.again}, and if that does not help, fetch it by hand"
    raise UserError(
        f"{path}: SHA-256 is {sha256}, expected {archive.sha256} of {archive.url}; {remedy}"
    )


def _unpack(file: Path, folder: Path, archive: Archive, wanted: Wanted, source: str) -> None:
    """Unpack ``file`` to a temporary folder and rename that to ``folder`` when it is complete.

    Messages name the archive ``source``.
    """
    try:
        with written_aside(folder) as partial:
            partial.mkdir()
            _extract_all(file, partial, archive, wanted, source)
            if not wanted.is_in(partial):
                raise UserError(f"{source}: {wanted.lacking}")
    except READ_ERRORS as error:
        raise UserError(
            f"{source}: cannot be unpacked ({error}); expected a complete .tar.gz"
        ) from None


def _extract_all(file: Path, folder: Path, archive: Archive, wanted: Wanted, source: str) -> None:
    n_bytes = 0
    with tarfile.open(file, "r|gz", tarinfo=TarHeader) as members:
        for i, member in enumerate(members):
            _refuse_unsafe(member, source, wanted.noun)
            n_bytes += member.size
            _refuse_too_many(n_bytes, archive.max_bytes, "bytes", source, wanted.noun)
            _refuse_too_many(i, _MOST_MEMBERS, "files", source, wanted.noun)
            try:
                members.extract(member, folder, set_attrs=False, **_FILTER)
            except OSError as error:
                if error.errno not in _ERRORS_OF_NAMES:
                    raise
                raise UserError(
                    f"{source}: member {shown(member.name)} cannot be written "
                    f"({error.strerror}); do not use this archive"
                ) from None


def _refuse_unsafe(member: tarfile.TarInfo, source: str, noun: str) -> None:
    """Raise a `UserError` for a member that is not a file or folder, or is outside the folder."""
    path = member.name.replace("\\", "/")
    name = shown(member.name)
    if path.startswith("/") or ":" in path or ".." in path.split("/"):
        raise UserError(
            f"{source}: member {name} points outside the {noun}'s folder; do not use this archive"
        )
    if len(path) > LONGEST_NAME:
        raise UserError(
            f"{source}: member {name} has a name of {len(path):,} characters, expected at most "
            f"{LONGEST_NAME:,}; do not use this archive"
        )
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise UserError(
            f"{source}: member {name} is a link, a device or a sparse file, expected a file or a "
            "folder; do not use this archive"
        )


def _refuse_too_many(n: int, limit: int, what: str, source: str, noun: str) -> None:
    if n > limit:
        raise UserError(
            f"{source}: has more than {limit:,} {what}, too many for a {noun}; "
            "do not use this archive"
        )
