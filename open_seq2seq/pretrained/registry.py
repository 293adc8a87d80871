"""Registries of trained models: from a name to a folder; see `open_seq2seq.pretrained.model`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pydantic
from pydantic import Field

from open_seq2seq.components import Params, PathText
from open_seq2seq.config.problems import find_problems
from open_seq2seq.errors import UserError, shown
from open_seq2seq.storage.logdir import has_checkpoint
from open_seq2seq.system import archives
from open_seq2seq.system.archives import Archive, Wanted
from open_seq2seq.system.files import is_vacant
from open_seq2seq.system.paths import expand_home, user_path

REGISTRY_VARIABLE = "OPEN_SEQ2SEQ_REGISTRY"
_FILE_NAME = "pretrained_models.json"
_NAME = re.compile(r"\w[\w.+-]*")  # neither the name of a hidden folder nor ".."
# file systems allow 255, and part of the SHA-256 and ".tar.gz.partial.version" are appended
_MAX_NAME_BYTES = 200
_MAX_MODEL_BYTES = 8 << 30


class Entry(Params):
    """One model of a registry: its folder, its archive, or both."""

    path: PathText | None = Field(
        default=None, min_length=1, description="Folder of the model, relative to the registry."
    )
    url: str | None = Field(default=None, description="URL of the model's .tar.gz archive.")
    sha256: str | None = Field(default=None, description="SHA-256 of the model's archive.")

    @pydantic.field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        # urllib would open file: and ftp: too, and accepts ASCII only
        if not (re.fullmatch("https?://[!-~]+", url) and urlsplit(url).hostname):
            raise ValueError(f"expected http:// or https:// and a host, in ASCII, got {url!r}")
        _ = urlsplit(url).port  # raises ValueError if it is not a port
        return url

    @pydantic.field_validator("sha256")
    @classmethod
    def _check_sha256(cls, sha256: str | None) -> str | None:
        if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
            raise ValueError(f"expected 64 hexadecimal digits, got {sha256!r}")
        return sha256

    @pydantic.model_validator(mode="after")
    def _check_whole(self) -> Entry:
        if (self.url is None) != (self.sha256 is None):
            raise ValueError("'url' and 'sha256' go together; give both or neither")
        if self.url is None and self.path is None:
            raise ValueError("expected a 'path', or a 'url' and its 'sha256'")
        return self

    @property
    def archive(self) -> Archive | None:
        """The archive of the model; None if it has a folder only."""
        if self.url is None or self.sha256 is None:
            return None
        return Archive(self.url, self.sha256.lower(), _MAX_MODEL_BYTES)


def locate(path_or_name: str, download: bool) -> Path:
    """Return the folder of a model; with ``download``, fetch a model that is not here yet.

    Raises:
        UserError: there is no such model, its folder is missing, or it is not here and cannot be
            fetched.
    """
    folder = user_path(path_or_name)
    if folder.is_dir():
        return folder
    known: list[str] = []
    for registry in _registries():
        entries = _read(registry)
        known += entries
        if path_or_name in entries:
            return _folder_of(path_or_name, entries[path_or_name], registry, download)
    names = ", ".join(known) or "no model"
    raise UserError(
        f"{path_or_name}: neither a folder nor the name of a model; the registries have {names}"
    )


def _registries() -> list[Path]:
    listed = os.environ.get(REGISTRY_VARIABLE, "").split(os.pathsep)
    paths = [user_path(name) for name in listed if name]
    for path in paths:
        if not path.is_file():
            raise UserError(
                f"environment variable {REGISTRY_VARIABLE}: {path}: no such file; "
                "correct the path, or unset the variable"
            )
    for path in (Path(_FILE_NAME), Path(__file__).with_name(_FILE_NAME)):
        if path.is_file():
            paths.append(path)
    return paths


def _read(registry: Path) -> dict[str, Entry]:
    try:
        entries = json.loads(registry.read_text(encoding="utf-8"))
        problems = [
            problem for name, entry in entries.items() for problem in _problems(name, entry)
        ]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f'{registry}: expected JSON such as {{"name": {{"path": "folder"}}}} or '
            f'{{"name": {{"url": "https://...tar.gz", "sha256": "..."}}}} ({error})'
        ) from None
    if problems:
        raise UserError("".join([f"{registry}:", *(f"\n  {problem}" for problem in problems)]))
    return {name: Entry(**entry) for name, entry in entries.items()}


def _problems(name: str, entry: dict) -> list[str]:
    if not isinstance(entry, dict):
        raise TypeError(f"{shown(name)} is not an object")
    problems = find_problems(Entry, entry, name)
    # the name becomes part of a folder's name
    if not _NAME.fullmatch(name) or len(name.encode()) > _MAX_NAME_BYTES:
        problems.append(
            f"{name!r}: expected a name of letters, digits, '_', '.', '+' and '-' that begins with "
            f"a letter, a digit or '_' and has at most {_MAX_NAME_BYTES} bytes"
        )
    return problems


def _folder_of(name: str, entry: Entry, registry: Path, download: bool) -> Path:
    archive = entry.archive
    if archive is None:
        folder = registry.parent / str(entry.path)
        if not folder.is_dir():
            raise UserError(
                f"{name}: {registry} names the folder {folder}, which is missing; "
                "correct the entry's 'path'"
            )
        return folder
    # the checksum is in the name, so that a later model of the same name has its own folder
    cached = _cache_folder() / f"{name}-{archive.sha256[:12]}"
    folder = cached
    if entry.path is not None:
        folder = registry.parent / entry.path
    if _find_run(folder) is None:
        if not download:
            raise UserError(
                f"{name}: not here yet; {_call(name)} fetches {archive.url} "
                f"and keeps it in {folder}"
            )
        if not is_vacant(folder):
            raise UserError(
                f"{folder}: has files that are not a model; move it away and {_again(name)}"
            )
        # always in the cache: the archive is deleted afterwards, and must not be a user's file
        file = cached.with_name(cached.name + ".tar.gz")
        archives.fetch_and_unpack(archive, file, folder, _wanted(name), keep_file=False)
    return _find_run(folder) or folder


def _cache_folder() -> Path:
    base = Path(expand_home(os.environ.get("XDG_CACHE_HOME", "")))
    if not base.is_absolute():  # the XDG Base Directory Specification ignores relative paths
        base = user_path("~/.cache")
    return base / "open_seq2seq"


def _find_run(folder: Path) -> Path | None:
    """Return the folder itself if it has checkpoints, or else the only folder in it that has."""
    if has_checkpoint(folder):
        return folder
    if not folder.is_dir():
        return None
    runs = [p for p in folder.iterdir() if not p.name.startswith(".") and has_checkpoint(p)]
    if len(runs) != 1:
        return None
    return runs[0]


def _wanted(name: str) -> Wanted:
    return Wanted(
        is_in=lambda folder: _find_run(folder) is not None,
        noun="model",
        lacking="has no model; expected one logdir or checkpoint, at the top or one folder deep",
        again=_again(name),
        make_room='free disk space, or choose another disk with XDG_CACHE_HOME and "path"',
    )


def _again(name: str) -> str:
    return f"call {_call(name)} again"


def _call(name: str) -> str:
    return f'from_pretrained("{name}", download=True)'
