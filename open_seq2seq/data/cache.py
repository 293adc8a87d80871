"""Arrays with one row per clip, filled once: in memory, or in files that later runs find again."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike

from open_seq2seq.errors import UserError


class ArrayCache:
    """Rows that are computed once.

    In a folder, the files are under the hash of ``key``: everything that shapes the values must be
    in it, so that a change of any of it makes a new cache. Several processes of one machine may
    fill the same files. A row's mark there is its checksum: after a power cut the disk may have the
    mark and not the row, which then counts as absent.

    Attributes:
        values: [n_rows, *shape]; `has` tells which rows are filled.
    """

    def __init__(
        self, n_rows: int, shape: tuple[int, ...], dtype: DTypeLike, folder: str | None, key: Any
    ) -> None:
        self._is_known = np.zeros(n_rows, bool)
        self._marks: np.ndarray | None = None  # uint32, 0 where nothing is; in files only
        if folder is None:
            # empty, not zeros: the system hands out the memory row by row as it is filled
            self.values: np.ndarray = np.empty((n_rows, *shape), dtype)
            return
        text = json.dumps([key, n_rows, shape, np.dtype(dtype).str], sort_keys=True)
        path = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:20]
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.values = _open(path / "values.npy", (n_rows, *shape), dtype)
            self._marks = _open(path / "marks.npy", (n_rows,), np.uint32)
        except ValueError as error:
            raise UserError(f"cache_dir: {path} is corrupt ({error}); remove that folder") from None
        except OSError as error:
            size_gb = n_rows * int(np.prod(shape)) * np.dtype(dtype).itemsize / 1e9
            raise UserError(
                f"cache_dir: cannot use {path} ({error.strerror}); name a folder that can be "
                f"written, with {size_gb:.1f} GB free"
            ) from None

    def has(self, rows: np.ndarray) -> np.ndarray:
        """Tell which of ``rows`` are filled, bool [len(rows)]; a process checks each only once."""
        if self._marks is not None:
            for row in rows[~self._is_known[rows] & (self._marks[rows] != 0)]:
                self._is_known[row] = _mark(self.values[row]) == self._marks[row]
        return self._is_known[rows]

    def put(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Fill ``rows``: the values first, then their marks."""
        self.values[rows] = values
        if self._marks is not None:
            self._marks[rows] = [_mark(self.values[row]) for row in rows]
        self._is_known[rows] = True


def _mark(values: np.ndarray) -> int:
    return zlib.crc32(values.tobytes()) or 1


def _open(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    if not path.exists():
        # made aside, so that another process sees a whole file or none
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            open_memmap(partial, mode="w+", dtype=dtype, shape=shape).flush()
            _reserve(partial)
            os.link(partial, path)
        except FileExistsError:
            pass  # another process was first
        finally:
            partial.unlink(missing_ok=True)
    return open_memmap(path, mode="r+")


def _reserve(path: Path) -> None:
    """Take all the room that a file will need.

    A disk that is full only when a row is put would kill the process.
    """
    with open(path, "rb+") as file:
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
