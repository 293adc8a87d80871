"""Names of trained models, and the folders that they stand for; `open_seq2seq.pretrained` says what
a registry is.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pydantic
from pydantic import Field

from open_seq2seq.components import Params
from open_seq2seq.config.problems import find_problems
from open_seq2seq.errors import UserError, shown
from open_seq2seq.storage.logdir import has_checkpoint
from open_seq2seq.system import archives
from open_seq2seq.system.archives import Archive, Wanted

REGISTRY_VARIABLE = "OPEN_SEQ2SEQ_REGISTRY"
_FILE_NAME = "pretrained_models.json"
_NAME = re.compile(r"\w[\w.+-]*")  # begins no hidden folder, and cannot be ".."
_MAX_NAME_BYTES = (
    200  # file systems allow 255, of which the SHA-256 and .tar.gz.partial.version take some
)
_MAX_MODEL_BYTES = 8 << 30


class Entry(Params):
    """Where a registry says that a model is."""

    path: str | None = Field(
        default=None, min_length=1, description="Its folder, relative to the registry."
    )
    url: str | None = Field(default=None, description="A .tar.gz of it.")
    sha256: str | None = Field(default=None, description="The SHA-256 of that archive.")

    @pydantic.field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        # urllib would open file: and ftp: as well, and takes ASCII alone
        if not (re.fullmatch("https?://[!-~]+", url) and urlsplit(url).hostname):
            raise ValueError(f"expected http:// or https:// and a host, in ASCII, got {url!r}")
        _ = urlsplit(url).port  # a ValueError where it is none
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
            raise ValueError("'url' and 'sha256' go together")
        if self.url is None and self.path is None:
            raise ValueError("expected a 'path', or a 'url' and its 'sha256'")
        return self

    @property
    def archive(self) -> Archive | None:
        """What can be fetched; None where the model is in a folder and nowhere else."""
        if self.url is None or self.sha256 is None:
            return None
        return Archive(self.url, self.sha256.lower(), _MAX_MODEL_BYTES)


def locate(path_or_name: str, download: bool) -> Path:
    """Return the folder of a model; with ``download``, fetch it first where it is not there yet.

    Raises:
        UserError: there is no such model, its folder cannot be reached, or it was not or cannot be
            fetched.
    """
    if os.path.isdir(path_or_name):
        return Path(path_or_name)
    known: list[str] = []
    for registry in _registries():
        entries = _read(registry)
        known += entries
        if path_or_name in entries:
            return _folder_of(path_or_name, entries[path_or_name], registry, download)
    names = f"the registries know {', '.join(known)}" if known else "the registries are empty"
    raise UserError(f"{path_or_name}: neither a folder nor the name of a model ({names})")


def _registries() -> list[Path]:
    named = [Path(name) for name in os.environ.get(REGISTRY_VARIABLE, "").split(os.pathsep) if name]
    for path in named:
        if not path.is_file():
            raise UserError(f"{REGISTRY_VARIABLE}: {path}: no such file")
    return [
        *named,
        *(
            path
            for path in (Path(_FILE_NAME), Path(__file__).with_name(_FILE_NAME))
            if path.is_file()
        ),
    ]


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
        raise TypeError(f"{shown(name)} is no object")
    problems = find_problems(Entry, entry, name)
    if (
        not _NAME.fullmatch(name) or len(name.encode()) > _MAX_NAME_BYTES
    ):  # it becomes part of a folder's name
        problems.append(
            f"{name!r}: expected a name of letters, digits, '_', '.', '+' and '-', beginning with one of the first "
            f"three and of at most {_MAX_NAME_BYTES} bytes"
        )
    return problems


def _folder_of(name: str, entry: Entry, registry: Path, download: bool) -> Path:
    archive = entry.archive
    if archive is None:
        folder = registry.parent / str(entry.path)
        if not folder.is_dir():
            raise UserError(f"{name}: {registry} says it is in {folder}, which cannot be reached")
        return folder
    # by its checksum too: what is published under the name later is another model
    cached = _cache_folder() / f"{name}-{archive.sha256[:12]}"
    folder = cached if entry.path is None else registry.parent / entry.path
    if _find_run(folder) is None:
        if not download:
            raise UserError(
                f"{name}: not here yet, and nothing is fetched unasked; {_call(name)} fetches {archive.url} "
                f"and keeps it in {folder}"
            )
        if not archives.is_vacant(folder):
            raise UserError(
                f"{folder}: holds something other than a model; move it away and {_again(name)}"
            )
        # in the cache, whatever the folder: what is deleted once it is unpacked is then never a
        # file of the user's
        file = cached.with_name(cached.name + ".tar.gz")
        archives.fetch_and_unpack(archive, file, folder, _wanted(name), keep_file=False)
    return _find_run(folder) or folder


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    # the XDG Base Directory Specification: paths that are not absolute are to be ignored
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.cache")) / "open_seq2seq"


def _find_run(folder: Path) -> Path | None:
    """Return what of an unpacked archive can be loaded: the folder itself, or else the one run in
    it.
    """
    if has_checkpoint(folder):
        return folder
    if not folder.is_dir():
        return None
    runs = [p for p in folder.iterdir() if not p.name.startswith(".") and has_checkpoint(p)]
    return runs[0] if len(runs) == 1 else None


def _wanted(name: str) -> Wanted:
    return Wanted(
        is_in=lambda folder: _find_run(folder) is not None,
        noun="model",
        lacking="holds no model; expected one run's logdir, or one checkpoint, at its top or in a folder",
        again=_again(name),
        make_room='make room, or choose another disk by XDG_CACHE_HOME and by "path" in the registry',
    )


def _again(name: str) -> str:
    return f"call {_call(name)} again"


def _call(name: str) -> str:
    return f'from_pretrained("{name}", download=True)'
