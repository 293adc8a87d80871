"""Arrays with one row per clip that are filled once: in memory, or in files that later runs find again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from open_seq2seq.errors import UserError


class ArrayCache:
    """``values`` [n_rows, *shape] and ``filled`` bool [n_rows].

    In a folder, the files stand under the hash of ``key``: everything that shapes the values must be in it, so that a
    change of any of it makes a new cache. Several processes of one machine may fill the same files.
    """

    def __init__(self, n_rows: int, shape: tuple[int, ...], dtype: Any, folder: str | None, key: Any) -> None:
        if folder is None:
            # empty, not zeros: the system hands out the memory row by row as it is filled
            self.values: np.ndarray = np.empty((n_rows, *shape), dtype)
            self.filled: np.ndarray = np.zeros(n_rows, bool)
            return
        text = json.dumps([key, n_rows, shape, np.dtype(dtype).str], sort_keys=True)
        place = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:20]
        try:
            place.mkdir(parents=True, exist_ok=True)
            self.values = _open(place / "values.npy", (n_rows, *shape), dtype)
            self.filled = _open(place / "filled.npy", (n_rows,), bool)
        except ValueError as error:
            raise UserError(f"cache_dir: {place} is damaged ({error}); remove that folder") from None
        except OSError as error:
            raise UserError(
                f"cache_dir: cannot use {place} ({error.strerror}); name a folder that can be written, with "
                f"{n_rows * int(np.prod(shape)) * np.dtype(dtype).itemsize / 1e9:.1f} GB free"
            ) from None

    def put(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Fill ``rows``: the values first, then the mark that they are there."""
        self.values[rows] = values
        self.filled[rows] = True


def _open(path: Path, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
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
    """Take all the room that a file will need now: a disk that is full when a row is put would kill the process."""
    with open(path, "rb+") as file:
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
