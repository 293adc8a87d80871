"""The two files of a ``.nemo`` archive that describe a model, read without unpacking anything to the disk."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import yaml

from open_seq2seq.errors import UserError
from open_seq2seq.importing.torch_archive import read_state_dict

_CONFIG = "model_config.yaml"
_WEIGHTS = "model_weights.ckpt"
# MatchboxNet's have 10 KB and 0.5 MB
_MAX_BYTES = {_CONFIG: 1 << 20, _WEIGHTS: 256 << 20}
_MAX_TOTAL_BYTES = 512 << 20
_MAX_MEMBERS = 1000


class NemoArchive(NamedTuple):
    """A model as NeMo saves it."""

    config: dict[str, Any]  # model_config.yaml
    weights: dict[str, np.ndarray]  # model_weights.ckpt, by state-dict key


def read_archive(path: Path) -> NemoArchive:
    """Read a ``.nemo`` file: a tar, compressed with gzip or not.

    Raises:
        UserError: it is no such archive, it lacks a file or has it twice, it is larger than any model that can be
            imported, or it holds links, devices or paths out of it.
    """
    try:
        with open(path, "rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content: Any = gzip.GzipFile(fileobj=file) if is_gzip else file
            # a stream: what is inside is seen in one pass, and counted while it is
            with tarfile.open(fileobj=_Bounded(content, path), mode="r|") as tar:  # type: ignore[call-overload]
                files = _read_members(tar, path)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{path}: cannot read it as a .nemo archive, which is a tar ({error})") from None
    for name in _MAX_BYTES:
        if name not in files:
            raise UserError(f"{path}: no {name} in it; expected a model as NeMo's save_to writes it")
    return NemoArchive(
        config=_parse(files[_CONFIG], f"{path}: {_CONFIG}"),
        weights=read_state_dict(files[_WEIGHTS], f"{path}: {_WEIGHTS}"),
    )


class _Bounded:
    """A file that ends in a `UserError` where an archive gets too large: a small gzip can hold a huge tar."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._left = file, path, _MAX_TOTAL_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise UserError(f"{self._path}: more than {_MAX_TOTAL_BYTES >> 20} MB in it, too large for a MatchboxNet")
        return data


def _read_members(tar: tarfile.TarFile, path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for i, member in enumerate(tar):
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts:
            raise UserError(f"{path}: it holds {member.name!r}, a path out of the archive; it is no model of NeMo's")
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise UserError(f"{path}: {member.name!r} in it is no plain file; it is no model of NeMo's")
        name = str(place)
        if member.size > _MAX_BYTES.get(name, _MAX_TOTAL_BYTES):
            raise UserError(f"{path}: {name!r} in it has {member.size:,} bytes, too large for a MatchboxNet")
        if i >= _MAX_MEMBERS:
            raise UserError(f"{path}: more than {_MAX_MEMBERS} files in it; it is no model of NeMo's")
        if name in _MAX_BYTES and member.isreg():
            if name in files:
                raise UserError(f"{path}: {name} stands in it twice")
            opened = tar.extractfile(member)
            assert opened is not None  # it is a plain file
            files[name] = opened.read()
    return files


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date of day 99
        raise UserError(f"{name}: not a YAML file ({error})") from None
    if not isinstance(config, dict):
        raise UserError(f"{name}: expected keys and values, got a {type(config).__name__}")
    return config
