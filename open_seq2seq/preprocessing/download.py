"""Fetch and unpack a published Speech Commands archive."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.dataset import has_clips

log = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 60
# Patch releases of Python 3.10 and 3.11 before mid-2023 lack it; `_refuse_unsafe` stands on its own.
_FILTER: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class Release(NamedTuple):
    """A published archive; ``max_bytes`` bounds what it may hold unpacked."""

    url: str
    sha256: str
    max_bytes: int = 8 << 30  # v0.02, the larger one, holds 3.4 GB


RELEASES = {
    "v0.01": Release(
        "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "v0.02": Release(
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}


def download_dataset(data_dir: Path, release: Release) -> None:
    """Fetch ``release``, check it and unpack it as ``data_dir``; do nothing where ``data_dir`` has clips already.

    The archive stays beside ``data_dir``. What an interrupted call had fetched is not fetched again. ``data_dir``
    appears only when it is whole.

    Raises:
        UserError: ``data_dir`` is in the way, the archive cannot be fetched or stored, its checksum is another one,
            or it holds what a dataset does not.
    """
    data_dir = data_dir.resolve()
    if has_clips(data_dir):
        log.info("--download: %s already holds clips, nothing is fetched", data_dir)
        return
    if data_dir.exists() and not (data_dir.is_dir() and not any(data_dir.iterdir())):
        raise UserError(f"--data_dir {data_dir}: holds something other than clips; name a new or an empty folder")
    archive = data_dir.parent / release.url.rsplit("/", 1)[-1]
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        if not archive.exists():
            partial = archive.with_name(archive.name + ".partial")
            _fetch(release.url, partial, archive)
            _check_sha256(partial, release, archive)
            os.replace(partial, archive)
        else:
            log.info("--download: using %s, which is already there", archive)
            _check_sha256(archive, release, archive)
        _unpack(archive, data_dir, release)
    except OSError as error:
        raise UserError(
            f"--download: {error.strerror or error} ({error.filename or data_dir.parent}); an archive and the clips "
            "in it take about 6 GB: make room, or choose a --data_dir on another disk, and run the command again"
        ) from None
    log.info("--download: %s is complete; %s is no longer needed", data_dir, archive)


def _fetch(url: str, partial: Path, archive: Path) -> None:
    """Fetch ``url`` to ``partial``, from where it left off, as long as each try brings something new."""
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            size = _fetch_once(url, partial)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            # An HTTPError is an answer (404 and the like): asking again would not change it.
            size, reason, final = None, _reason(error), isinstance(error, urllib.error.HTTPError)
        else:
            reason, final = "the connection was cut", False
        now = partial.stat().st_size if partial.exists() else 0
        if size is not None and now >= size:
            _version_note(partial).unlink(missing_ok=True)
            return
        if final or now <= before:
            raise UserError(
                f"--download: {url}: {reason}, with {now:,} bytes fetched; run the command again to go on from there. "
                f"By hand: fetch the URL to {archive} and run the command again"
            )


def _fetch_once(url: str, partial: Path) -> int | None:
    """Fetch what is missing of ``url`` in one request; return its full size, None where the server does not tell.

    The server is asked for the rest only where it names the version that the first part came from (ETag or date):
    ``If-Range`` then makes it send the whole file if that has changed since.
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
            if version and not version.startswith("W/"):  # a weak ETag does not promise the same bytes
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
    return Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), transient=True)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return f"no answer ({getattr(error, 'reason', None) or error or type(error).__name__})"


def _check_sha256(path: Path, release: Release, archive: Path) -> None:
    """Raise a `UserError` where the file's SHA-256 is another one; what this script had fetched is deleted then."""
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            sha256.update(block)
    if sha256.hexdigest() == release.sha256:
        return
    if path == archive:
        remedy = "it is not the published archive: delete it and run the command again"
    else:
        path.unlink()
        remedy = "what was fetched is deleted: run the command again, and if that does not help, fetch it by hand"
    raise UserError(f"{path}: SHA-256 is {sha256.hexdigest()}, expected {release.sha256} of {release.url}; {remedy}")


def _unpack(archive: Path, data_dir: Path, release: Release) -> None:
    """Unpack ``archive`` aside and rename the folder to ``data_dir`` when it is whole."""
    partial = data_dir.with_name(data_dir.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    log.info("--download: unpacking %s", archive)
    try:
        partial.mkdir()
        n_bytes = 0
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                _refuse_unsafe(member, archive)
                n_bytes += member.size
                if n_bytes > release.max_bytes:
                    raise UserError(f"{archive}: holds more than {release.max_bytes:,} bytes, which no release does")
                members.extract(member, partial, set_attrs=False, **_FILTER)
        if not has_clips(partial):
            raise UserError(f"{archive}: holds no <word>/<speaker>_nohash_<n>.wav; it is not a Speech Commands archive")
        os.replace(partial, data_dir)  # an empty folder of that name gives way
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"{archive}: cannot be unpacked ({error}); delete it and run the command again") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_unsafe(member: tarfile.TarInfo, archive: Path) -> None:
    """Raise a `UserError` for a member that is no plain file or folder, or lies outside the archive's own folder."""
    path = member.name.replace("\\", "/")
    if path.startswith("/") or ":" in path or ".." in path.split("/"):
        raise UserError(
            f"{archive}: member {member.name!r} points outside the dataset's folder; do not use this archive"
        )
    if not (member.isreg() or member.isdir()):
        raise UserError(f"{archive}: member {member.name!r} is a link or a device; do not use this archive")
