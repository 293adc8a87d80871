"""Modules that lie beside a config file, which it can import as a script can."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class _Neighbours(MetaPathFinder):
    """Finds the modules in the folder of the last config that was read; sys.path stays as it is."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._found: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self._folder is None or path is not None:  # what is in a package is found through it
            return None
        spec = PathFinder.find_spec(name, [str(self._folder)])
        if spec is not None:
            self._found.add(name)
        return spec

    def move_to(self, folder: Path) -> None:
        """Look in another folder, and forget what came from the last: names can be the same."""
        for name in [name for name in sys.modules if name.partition(".")[0] in self._found]:
            del sys.modules[name]
        self._found.clear()
        self._folder = folder
        importlib.invalidate_caches()  # a module may have been written a moment ago


_neighbours = _Neighbours()


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let a config import the modules in its folder.

    They come before installed ones inside the context, and after all others afterwards, where
    functions of the config may import them, until the next context begins.

    Args:
        folder: an absolute path.
    """
    _neighbours.move_to(folder)
    with contextlib.suppress(ValueError):
        sys.meta_path.remove(_neighbours)
    # after Python's own modules, which are built in
    sys.meta_path.insert(sys.meta_path.index(PathFinder), _neighbours)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(_neighbours)
        sys.meta_path.append(_neighbours)
