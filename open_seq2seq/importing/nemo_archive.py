"""Reader of ``.nemo`` archives: configuration and weights, without unpacking to disk."""

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
# the files of a MatchboxNet have 10 KB and 0.5 MB
_MAX_BYTES = {_CONFIG: 256 << 10, _WEIGHTS: 256 << 20}
_NOT_NEMO = "NeMo writes no such archive"
_MAX_TOTAL_BYTES = 512 << 20
_MAX_MEMBERS = 1000
_MAX_VALUES = 20_000  # in the configuration; a MatchboxNet's has 1,000


class NemoArchive(NamedTuple):
    """Contents of a ``.nemo`` archive."""

    config: dict[str, Any]  # of model_config.yaml
    weights: dict[str, np.ndarray]  # of model_weights.ckpt, by state-dict key


def read_archive(path: Path) -> NemoArchive:
    """Read a ``.nemo`` file, a tar with or without gzip compression.

    Raises:
        UserError: the file is not such an archive, lacks a file or has it twice, is larger than
            any MatchboxNet, or has links, devices or paths that lead out of it.
    """
    try:
        check_plain(path)
        with open(path, "rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content: Any = file
            if is_gzip:
                content = gzip.GzipFile(fileobj=file)
            # a stream ("r|") is read once, so the bytes can be counted
            bounded: Any = _Bounded(content, path)
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=TarHeader) as tar:
                files = _read_members(tar, path)
    except (OSError, *READ_ERRORS) as error:
        raise UserError(
            f"{path}: cannot be read as a .nemo archive, which is a tar ({error})"
        ) from None
    for name in _MAX_BYTES:
        if name not in files:
            raise UserError(f"{path}: no {name} in it; expected a model saved with NeMo's save_to")
    return NemoArchive(
        config=_parse(files[_CONFIG], f"{path}: {_CONFIG}"),
        weights=read_state_dict(files[_WEIGHTS], f"{path}: {_WEIGHTS}"),
    )


class _Bounded:
    """A file that raises a `UserError` after too many bytes: a small gzip can hold a huge tar."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._n_left = _MAX_TOTAL_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._n_left + 1))
        self._n_left -= len(data)
        if self._n_left < 0:
            raise UserError(
                f"{self._path}: more than {_MAX_TOTAL_BYTES >> 20} MB in it, "
                "too large for a MatchboxNet"
            )
        return data


def _read_members(tar: tarfile.TarFile, path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for i, member in enumerate(tar):
        member_path = PurePosixPath(member.name)
        if member_path.is_absolute() or ".." in member_path.parts:
            raise UserError(
                f"{path}: member {shown(member.name)} is a path out of the archive; {_NOT_NEMO}"
            )
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise UserError(
                f"{path}: member {shown(member.name)} is not a regular file; {_NOT_NEMO}"
            )
        name = str(member_path)
        if member.size > _MAX_BYTES.get(name, _MAX_TOTAL_BYTES):
            raise UserError(
                f"{path}: member {shown(name)} has {member.size:,} bytes, too large for a "
                "MatchboxNet"
            )
        if i >= _MAX_MEMBERS:
            raise UserError(f"{path}: more than {_MAX_MEMBERS} files in it; {_NOT_NEMO}")
        if name in _MAX_BYTES and member.isreg():
            if name in files:
                raise UserError(f"{path}: {name} appears twice; {_NOT_NEMO}")
            reader = tar.extractfile(member)
            assert reader is not None  # it is a regular file
            files[name] = reader.read()
    return files


class _Loader(yaml.SafeLoader):
    """A YAML loader without merge keys, ``<<``.

    NeMo writes none, and a few lines of them expand to any size while being read.
    """

    def flatten_mapping(self, node: Any) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "a merge key", node.start_mark)
        super().flatten_mapping(node)


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        config = yaml.load(content, _Loader)
    except Exception as error:  # PyYAML raises errors of every kind for numbers and dates
        raise UserError(
            f"{name}: cannot be read as YAML ({cut(str(error)) or type(error).__name__})"
        ) from None
    if _is_larger(config, _MAX_VALUES):
        raise UserError(
            f"{name}: more than {_MAX_VALUES:,} values in it, too large for a MatchboxNet"
        )
    if not isinstance(config, dict):
        raise UserError(f"{name}: expected keys and values, got a {type(config).__name__}")
    return config


def _is_larger(value: Any, limit: int) -> bool:
    """Tell whether a value has more than ``limit`` parts, with those of an alias at each use."""
    n_left, waiting = limit, [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            part = list(part.values())
        if isinstance(part, list):
            n_left -= len(part)
            if n_left < 0:
                return True
            waiting += part
    return False
