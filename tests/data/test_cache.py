from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.errors import UserError

ROWS = np.arange(5)
VALUES = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def make(folder: Path | None, n_rows=5, shape=(2, 3), dtype=np.float32, key=("a", 1)) -> ArrayCache:
    return ArrayCache(n_rows, shape, dtype, None if folder is None else str(folder), key)


@pytest.mark.parametrize("in_files", [False, True])
def test_rows_are_kept_once_they_are_put(tmp_path, in_files):
    cache = make(tmp_path if in_files else None)
    assert cache.values.shape == (5, 2, 3) and cache.values.dtype == np.float32
    assert not cache.has(ROWS).any()
    cache.put(np.array([3, 1]), VALUES)
    assert cache.has(ROWS).tolist() == [False, True, False, True, False]
    np.testing.assert_array_equal(cache.values[[3, 1]], VALUES)


def test_files_serve_the_next_run_and_other_processes(tmp_path):
    first, beside = make(tmp_path / "new" / "folder"), make(tmp_path / "new" / "folder")
    first.put(np.array([0, 2]), VALUES)
    for cache in (beside, make(tmp_path / "new" / "folder")):
        assert cache.has(ROWS).tolist() == [True, False, True, False, False]
        np.testing.assert_array_equal(cache.values[[0, 2]], VALUES)


def test_memory_is_not_shared():
    make(None).put(np.array([0, 2]), VALUES)
    assert not make(None).has(ROWS).any()


@pytest.mark.parametrize(
    "other",
    [
        {"key": ("a", 2)},
        {"n_rows": 6},
        {"shape": (3, 2)},
        {"dtype": np.int32},
        {"key": {"b": ["a", 1]}},
    ],
)
def test_whatever_shapes_the_values_makes_another_cache(tmp_path, other):
    make(tmp_path).put(np.array([0, 2]), VALUES)
    assert not make(tmp_path, **other).has(ROWS).any()
    assert make(tmp_path).has(ROWS).any()


def test_a_process_that_comes_second_keeps_the_files_of_the_first(tmp_path, monkeypatch):
    make(tmp_path).put(np.array([0, 2]), VALUES)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", lambda path: False)  # both looked before either had made them
        late = make(tmp_path)
    assert late.has(ROWS).tolist() == [True, False, True, False, False]
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["marks.npy", "values.npy"]


def test_unusable_folders_are_named_with_the_space_they_need(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError,
        match=r"cache_dir: cannot use .*/file/\w+ \(Not a directory\); .* with 2.4 GB free",
    ):
        make(tmp_path / "file", n_rows=10**8)


@pytest.mark.parametrize("byte", [0, 2 * 3 * 4 - 1])
def test_a_row_that_did_not_reach_the_disk_whole_counts_as_absent(tmp_path, byte):
    """As after a power cut between the row and its mark."""
    make(tmp_path).put(np.array([0, 2]), VALUES)
    file = next(tmp_path.glob("*/values.npy"))
    data = bytearray(file.read_bytes())
    data[len(data) - 5 * VALUES[0].nbytes + 2 * VALUES[0].nbytes + byte] ^= 1
    file.write_bytes(data)
    cache = make(tmp_path)
    assert cache.has(ROWS).tolist() == [True, False, False, False, False]
    cache.put(np.array([2]), VALUES[1:])
    assert make(tmp_path).has(ROWS).tolist() == [True, False, True, False, False]


def test_a_row_of_zeros_has_a_mark_too(tmp_path):
    make(tmp_path, shape=(), dtype=np.int32).put(np.array([1]), np.zeros(1, np.int32))
    assert make(tmp_path, shape=(), dtype=np.int32).has(ROWS).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
