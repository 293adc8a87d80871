"""Modules that lie beside a config file, which it can import as a script can."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

# what the last config imported from its folder: the next one may lie beside others of these names
_imported: set[str] = set()


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let imports find the modules in ``folder`` before others, inside the context.

    Modules that came from there stay loaded until the next context begins, as functions may import
    them again; then they are forgotten.

    Args:
        folder: an absolute path.
    """
    for name in _imported:
        sys.modules.pop(name, None)
    _imported.clear()
    importlib.invalidate_caches()  # a module may have been written a moment ago
    if str(folder) in sys.path:  # its modules are everybody's
        yield
        return
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the config has removed it
            sys.path.remove(str(folder))
        new = {name for name in set(sys.modules) - before if _top(name) not in before}
        found = {name for name in map(_top, new) if _is_from(folder, name)}
        _imported.update(name for name in new if _top(name) in found)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_from(folder: Path, name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    found = PathFinder.find_spec(name, [str(folder)])
    return spec is not None and found is not None and found.origin == spec.origin
