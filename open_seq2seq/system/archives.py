"""Published archives: fetched, checked, and unpacked as folders that appear only when they are
whole.
"""

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

log = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 60
_MOST_MEMBERS = 1 << 19  # the larger release of Speech Commands has 105,000
# what the names in an archive bring about, not the disk
_ERRORS_OF_NAMES = (
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EILSEQ,
    errno.EINVAL,
)
# Patch releases of Python 3.10 and 3.11 before mid-2023 lack it; `_refuse_unsafe` stands on its
# own.
_FILTER: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class Archive(NamedTuple):
    """A published .tar.gz; ``sha256`` is in lower case, ``max_bytes`` bounds what it may hold
    unpacked.
    """

    url: str
    sha256: str
    max_bytes: int


class Wanted(NamedTuple):
    """What an archive should hold, and the words for it of the command or call that asked.

    Attributes:
        is_in: tells whether an unpacked folder is what was wanted.
        noun: what it is, "dataset".
        lacking: what is said of an archive that holds something else.
        again: how to try once more, "run the command again".
        make_room: what helps where a disk is full.
        flag: what messages begin with, "--download: ", where it was a flag that asked.
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
    """Fetch ``archive`` as ``file``, check it and unpack it as ``folder``, which appears only when
    it is whole.

    What an interrupted call had fetched is not fetched again, and neither is a ``file`` that is
    already there.

    Args:
        archive: what to fetch.
        file: where it is kept meanwhile.
        folder: a new or an empty one, see `is_vacant`.
        wanted: what should be in it.
        keep_file: whether ``file`` stays once it is unpacked or refused.

    Raises:
        UserError: the archive cannot be fetched or stored, its checksum is another one, or it holds
            what it should not.
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
            log.info("%susing %s, which is already there", wanted.flag, file)
            _check_sha256(file, archive, file, wanted)
        log.info("%sunpacking %s", wanted.flag, file)
        try:
            _unpack(file, folder, archive, wanted, source=str(file) if keep_file else archive.url)
        except UserError:  # its checksum is right, so it would be refused again
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


def is_vacant(folder: Path) -> bool:
    """Tell whether an unpacked folder can take the place of ``folder``: it does not exist, or is
    empty.
    """
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _fetch(url: str, partial: Path, file: Path, wanted: Wanted) -> None:
    """Fetch ``url`` to ``partial``, from where it left off, as long as each try brings something
    new.
    """
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            size = _fetch_once(url, partial)
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
            UnicodeError,
        ) as error:
            # An HTTPError is an answer (404 and the like): asking again would not change it.
            # A UnicodeError is what Python says of a host such as "example..org".
            size, reason, final = None, _reason(error), isinstance(error, urllib.error.HTTPError)
        else:
            reason, final = "the connection was cut", False
        now = partial.stat().st_size if partial.exists() else 0
        if size is not None and now >= size:
            _version_note(partial).unlink(missing_ok=True)
            return
        if final or now <= before:
            raise UserError(
                f"{wanted.flag}{url}: {reason}, with {now:,} bytes fetched; {wanted.again} to go on from there. "
                f"By hand: fetch the URL to {file} and {wanted.again}"
            )


def _fetch_once(url: str, partial: Path) -> int | None:
    """Fetch what is missing of ``url`` in one request; return its full size, None where the server
    does not tell.

    The server is asked for the rest only where it names the version that the first part came from
    (ETag or date): ``If-Range`` then makes it send the whole file if that has changed since.
    """
    note = _version_note(partial)
    n_have = partial.stat().st_size if partial.exists() and note.exists() else 0
    request = urllib.request.Request(url)
    if n_have:
        request.add_header("Range", f"bytes={n_have}-")
        request.add_header("If-Range", note.read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not n_have:
            raise
        if error.headers["Content-Range"] == f"bytes */{n_have}":  # all of it was there
            return n_have
        partial.unlink()  # more than there is to have: begin again
        return _fetch_once(url, partial)
    with response:
        resumed = n_have > 0 and response.status == http.client.PARTIAL_CONTENT
        if resumed and not (response.headers["Content-Range"] or "").startswith(f"bytes {n_have}-"):
            partial.unlink()  # not the part that was asked for
            return _fetch_once(url, partial)
        version = response.headers["ETag"] or response.headers["Last-Modified"]
        if not resumed:
            n_have = 0
            note.unlink(missing_ok=True)
        length = response.headers["Content-Length"]
        size = n_have + int(length) if length else None
        with open(partial, "ab" if resumed else "wb") as file, _progress() as progress:
            if version and not version.startswith(
                "W/"
            ):  # a weak ETag does not promise the same bytes
                note.write_text(version, encoding="utf-8")
            task = progress.add_task("", total=size, completed=n_have)
            while block := _read(response):
                file.write(block)
                progress.advance(task, len(block))
    return partial.stat().st_size if size is None else size


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read a block; what goes wrong here is the network's doing, not the disk's."""
    try:
        return response.read(_BLOCK_BYTES)
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _version_note(partial: Path) -> Path:
    """Return the file that names the version on the server which ``partial`` is a part of."""
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
    """Raise a `UserError` where the file's SHA-256 is another one; what was fetched just now is
    deleted then.
    """
    sha256 = sha256_of(path)
    if sha256 == archive.sha256:
        return
    if path == file:
        remedy = f"it is not the published archive: delete it and {wanted.again}"
    else:
        path.unlink()
        remedy = f"what was fetched is deleted: {wanted.again}, and if that does not help, fetch it by hand"
    raise UserError(
        f"{path}: SHA-256 is {sha256}, expected {archive.sha256} of {archive.url}; {remedy}"
    )


def _unpack(file: Path, folder: Path, archive: Archive, wanted: Wanted, source: str) -> None:
    """Unpack ``file`` aside and rename the folder to ``folder`` when it is whole; messages call it
    ``source``.
    """
    try:
        with written_aside(folder) as partial:
            partial.mkdir()
            _extract_all(file, partial, archive, wanted, source)
            if not wanted.is_in(partial):
                raise UserError(f"{source}: {wanted.lacking}")
    except READ_ERRORS as error:
        raise UserError(
            f"{source}: cannot be unpacked ({error}); expected a .tar.gz that is whole"
        ) from None


def _extract_all(file: Path, folder: Path, archive: Archive, wanted: Wanted, source: str) -> None:
    n_bytes = 0
    with tarfile.open(file, "r|gz", tarinfo=TarHeader) as members:
        for i, member in enumerate(members):
            _refuse_unsafe(member, source, wanted.noun)
            n_bytes += member.size
            limits = (n_bytes, archive.max_bytes, "bytes"), (i, _MOST_MEMBERS, "files")
            for n, most, what in limits:
                if n > most:
                    raise UserError(
                        f"{source}: holds more than {most:,} {what}, which no {wanted.noun} does"
                    )
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
    """Raise a `UserError` for a member that is no plain file or folder, or lies outside the
    archive's own folder.
    """
    path = member.name.replace("\\", "/")
    name = shown(member.name)
    if path.startswith("/") or ":" in path or ".." in path.split("/"):
        raise UserError(
            f"{source}: member {name} points outside the {noun}'s folder; do not use this archive"
        )
    if len(path) > LONGEST_NAME:
        raise UserError(
            f"{source}: member {name} has a name of {len(path):,} characters; do not use this archive"
        )
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise UserError(
            f"{source}: member {name} is a link or a device, or has holes; do not use this archive"
        )
