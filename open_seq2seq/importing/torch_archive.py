"""Safe reader of ``torch.save`` files: tensors without PyTorch and without running code.

The file is an uncompressed zip. ``<prefix>/data.pkl`` is a pickle with the storage, offset, shape
and strides of each tensor, and ``<prefix>/data/<key>`` has the numbers of a storage. A pickle can
call any function that it names. This reader knows a few names, replaces them by functions of its
own, and refuses all others.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from typing import Any, Literal, NamedTuple

import numpy as np

from open_seq2seq.errors import UserError, cut, shown

_MAX_PICKLE_BYTES = 4 << 20  # a network of a hundred tensors has 20 KB
_MAX_TUPLES = 20_000  # a tensor has six; hashing 50,000 nested ones overflows CPython's stack
_DTYPES = {
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "DoubleStorage": "f8",
    "BFloat16Storage": "u2",  # the upper half of a float32, which NumPy does not know
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


class _StorageType(NamedTuple):
    name: str  # a key of `_DTYPES`


class _Storage(NamedTuple):
    type: _StorageType
    key: str  # the file <prefix>/data/<key>
    n_items: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in items


class _StateDict(dict):
    """Replaces an OrderedDict, without the attributes that PyTorch adds to it."""

    def __setstate__(self, state: Any) -> None:
        pass


def read_state_dict(content: bytes, name: str) -> dict[str, np.ndarray]:
    """Read the tensors of a state dict.

    Args:
        content: the bytes of the file.
        name: name of the file, for messages.

    Returns:
        NumPy arrays by key, some of them read-only views; bfloat16 becomes float32.

    Raises:
        UserError: the file is not a state dict in PyTorch's zip format, is corrupt, or needs
            anything but tensors.
    """
    if not content.startswith(b"PK"):
        raise UserError(
            f"{name}: not in the zip format of PyTorch 1.6 and later; load it with PyTorch and "
            "save it again with torch.save"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return _read(file, len(content), name)
    except UserError:
        raise
    except Exception as error:  # a forged pickle can raise anything
        raise UserError(
            f"{name}: cannot be read as a state dict ({type(error).__name__}: {cut(str(error))})"
        ) from None


def _read(file: zipfile.ZipFile, n_bytes: int, name: str) -> dict[str, np.ndarray]:
    # without compressed or overlapping parts, the contents are no larger than the file
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.infolist()):
        raise UserError(f"{name}: has compressed parts, which torch.save does not write")
    if sum(entry.file_size for entry in file.infolist()) > n_bytes:
        raise UserError(f"{name}: has overlapping parts, which torch.save does not write")
    pickles = [entry for entry in file.infolist() if entry.filename.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise UserError(
            f"{name}: has {len(pickles)} files data.pkl, expected one, as torch.save writes"
        )
    if pickles[0].file_size > _MAX_PICKLE_BYTES:
        raise UserError(
            f"{name}: its data.pkl has {pickles[0].file_size:,} bytes, "
            f"expected {_MAX_PICKLE_BYTES:,} at most"
        )
    prefix = pickles[0].filename.removesuffix("data.pkl")
    state_dict = _unpickle(file.read(pickles[0]), name)
    if not isinstance(state_dict, dict) or not all(
        _is_entry(key, value) for key, value in state_dict.items()
    ):
        raise UserError(f"{name}: has something else than a state dict, expected tensors by name")
    byte_order: Literal["<", ">"] = "<"
    if f"{prefix}byteorder" in file.namelist() and file.read(f"{prefix}byteorder") == b"big":
        byte_order = ">"
    # by key and type, to read each part once, even if storages of one key differ in length
    numbers: dict[tuple[str, _StorageType], np.ndarray] = {}
    arrays = {}
    for key, tensor in state_dict.items():
        part, kind, n_items = tensor.storage.key, tensor.storage.type, tensor.storage.n_items
        if (part, kind) not in numbers:
            numbers[part, kind] = _numbers(file.read(f"{prefix}data/{part}"), kind, byte_order)
        if len(numbers[part, kind]) < n_items:
            raise ValueError(
                f"data/{part} has {len(numbers[part, kind]):,} numbers instead of {n_items:,}"
            )
        arrays[key] = _view(numbers[part, kind], tensor)
    return arrays


def _is_entry(key: Any, value: Any) -> bool:
    return isinstance(key, str) and key.isprintable() and isinstance(value, _Tensor)


def _unpickle(content: bytes, name: str) -> Any:
    n_tuples = 0
    for opcode, argument, _ in pickletools.genops(content):
        n_tuples += opcode.name.startswith("TUPLE")
        if n_tuples > _MAX_TUPLES:
            raise UserError(
                f"{name}: its pickle has more than {_MAX_TUPLES:,} tuples, too many for a "
                "MatchboxNet"
            )
        # the unpickler allocates as many memos as the largest memo number
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise UserError(
                f"{name}: its pickle has a memo number of {argument:,}, "
                "which torch.save does not write"
            )
    return _Unpickler(content, name).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(io.BytesIO(content))
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _StateDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _StorageType(name)
        raise UserError(
            f"{self._name}: asks for {shown(f'{module}.{name}')}, which weights do not need; "
            "nothing in it was run. Import archives only from sources that you trust"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _location, n_items = pid
        if (
            kind != "storage"
            or not isinstance(storage_type, _StorageType)
            or not isinstance(key, str)
        ):
            raise ValueError(f"unknown persistent id {shown(pid)}")
        return _Storage(storage_type, key, _count(n_items))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """Replace PyTorch's function with the same arguments, without requires_grad and hooks."""
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise ValueError("a tensor without a storage, or with more dimensions than strides")
    tensor = _Tensor(
        storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides))
    )
    last = tensor.offset + sum(
        (n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    n_items = int(np.prod(tensor.shape, dtype=object))  # Python's integers do not overflow
    if n_items > storage.n_items or (n_items and last >= storage.n_items):
        raise ValueError(
            f"a tensor of shape {tensor.shape} exceeds its storage of {storage.n_items:,} numbers"
        )
    return tensor


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a number of 0 or more, got {shown(value)}")
    return value


def _numbers(content: bytes, kind: _StorageType, byte_order: Literal["<", ">"]) -> np.ndarray:
    numbers = np.frombuffer(content, np.dtype(_DTYPES[kind.name]).newbyteorder(byte_order))
    if kind.name == "BFloat16Storage":
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers


def _view(numbers: np.ndarray, tensor: _Tensor) -> np.ndarray:
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, numbers.dtype)
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.shape, strides, writeable=False
    )
