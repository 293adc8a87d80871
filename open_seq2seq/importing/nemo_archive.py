"""The two files of a ``.nemo`` archive that describe a model, read without unpacking anything to
the disk.
"""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import yaml

from open_seq2seq.errors import UserError, cut, shown
from open_seq2seq.importing.torch_archive import read_state_dict
from open_seq2seq.system.files import check_plain
from open_seq2seq.system.tar_headers import READ_ERRORS, TarHeader

_CONFIG = "model_config.yaml"
_WEIGHTS = "model_weights.ckpt"
# MatchboxNet's have 10 KB and 0.5 MB
_MAX_BYTES = {_CONFIG: 256 << 10, _WEIGHTS: 256 << 20}
_MAX_TOTAL_BYTES = 512 << 20
_MAX_MEMBERS = 1000
_MAX_VALUES = 20_000  # of the configuration; MatchboxNet's has 1,000


class NemoArchive(NamedTuple):
    """A model as NeMo saves it."""

    config: dict[str, Any]  # model_config.yaml
    weights: dict[str, np.ndarray]  # model_weights.ckpt, by state-dict key


def read_archive(path: Path) -> NemoArchive:
    """Read a ``.nemo`` file: a tar, compressed with gzip or not.

    Raises:
        UserError: it is no such archive, it lacks a file or has it twice, it is larger than any
            model that can be imported, or it holds links, devices or paths out of it.
    """
    try:
        check_plain(path)
        with open(path, "rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content: Any = gzip.GzipFile(fileobj=file) if is_gzip else file
            # a stream: what is inside is seen in one pass, and counted while it is
            bounded: Any = _Bounded(content, path)
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=TarHeader) as tar:
                files = _read_members(tar, path)
    except (OSError, *READ_ERRORS) as error:
        raise UserError(
            f"{path}: cannot read it as a .nemo archive, which is a tar ({error})"
        ) from None
    for name in _MAX_BYTES:
        if name not in files:
            raise UserError(
                f"{path}: no {name} in it; expected a model as NeMo's save_to writes it"
            )
    return NemoArchive(
        config=_parse(files[_CONFIG], f"{path}: {_CONFIG}"),
        weights=read_state_dict(files[_WEIGHTS], f"{path}: {_WEIGHTS}"),
    )


class _Bounded:
    """A file that ends in a `UserError` where an archive gets too large: a small gzip can hold a
    huge tar.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._left = file, path, _MAX_TOTAL_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise UserError(
                f"{self._path}: more than {_MAX_TOTAL_BYTES >> 20} MB in it, too large for a MatchboxNet"
            )
        return data


def _read_members(tar: tarfile.TarFile, path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for i, member in enumerate(tar):
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts:
            raise UserError(
                f"{path}: it holds {shown(member.name)}, a path out of the archive; it is no model of NeMo's"
            )
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise UserError(
                f"{path}: {shown(member.name)} in it is no plain file; it is no model of NeMo's"
            )
        name = str(place)
        if member.size > _MAX_BYTES.get(name, _MAX_TOTAL_BYTES):
            raise UserError(
                f"{path}: {shown(name)} in it has {member.size:,} bytes, too large for a MatchboxNet"
            )
        if i >= _MAX_MEMBERS:
            raise UserError(
                f"{path}: more than {_MAX_MEMBERS} files in it; it is no model of NeMo's"
            )
        if name in _MAX_BYTES and member.isreg():
            if name in files:
                raise UserError(f"{path}: {name} stands in it twice")
            opened = tar.extractfile(member)
            assert opened is not None  # it is a plain file
            files[name] = opened.read()
    return files


class _Loader(yaml.SafeLoader):
    """Without merge keys, ``<<``, which NeMo does not write: a few lines of them grow to any size
    while being read.
    """

    def flatten_mapping(self, node: Any) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "a merge key", node.start_mark)
        super().flatten_mapping(node)


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        config = yaml.load(content, _Loader)
    except Exception as error:  # its tags for numbers and dates let out errors of every kind
        raise UserError(
            f"{name}: not a YAML file that can be read ({cut(str(error)) or type(error).__name__})"
        ) from None
    if _is_larger(config, _MAX_VALUES):
        raise UserError(
            f"{name}: more than {_MAX_VALUES:,} values in it, too large for a MatchboxNet"
        )
    if not isinstance(config, dict):
        raise UserError(f"{name}: expected keys and values, got a {type(config).__name__}")
    return config


def _is_larger(value: Any, most: int) -> bool:
    """Tell whether a value has more than ``most`` parts, each counted as often as an alias stands
    for it.
    """
    left, waiting = most, [value]
    while waiting:
        part = waiting.pop()
        inner = (
            list(part.values())
            if isinstance(part, dict)
            else part
            if isinstance(part, list)
            else []
        )
        left -= len(inner)
        if left < 0:
            return True
        waiting += inner
    return False
