"""TensorFlow and Keras, imported on first use.

``from open_seq2seq.lazy import keras, tf`` costs nothing until an attribute is touched, so
``--help`` and mistakes in a config answer at once, and no device is opened for them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

# errors only: the notes on CPU features come at every start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow turns oneDNN's kernels on by itself only where the CPU has AVX-512 VNNI, bfloat16 or
# AMX. On an AMD CPU with AVX2 alone they train BC-ResNet-1 at 289 to 297 clips/s instead of 164 to
# 190, and MatchboxNet at 670 instead of 567 to 582.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_STDERR = 2
# notes of TensorFlow's start that no log level reaches: where the variable above is 1 they would
# come at every start
_NOTES = (
    b"All log messages before absl::InitializeLog() is called are written to STDERR",
    b"oneDNN custom operations are on.",
)


class LazyModule(types.ModuleType):
    """Stands for a module until it is used.

    lazy_loader puts its stand-in into sys.modules, where Keras and TensorFlow, which import each
    other, find it half loaded; this one stays out of their sight.
    """

    def __getattr__(self, name: str) -> Any:
        with _without_notes() if self.__name__ not in sys.modules else contextlib.nullcontext():
            module = importlib.import_module(self.__name__)
        value = getattr(module, name)
        setattr(self, name, value)
        return value


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    """Hold what is written to stderr, and write it without the notes at the end.

    Libraries in C++ write to the file descriptor, so that is replaced.
    """
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(_STDERR)
        except OSError:  # no room for a file, or no stderr
            yield
            return
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            held.seek(0)
            lines = (line for line in held if not any(note in line for note in _NOTES))
            with contextlib.suppress(OSError):
                os.write(_STDERR, b"".join(lines))


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = LazyModule("keras")
    tf = LazyModule("tensorflow")

__all__ = ["LazyModule", "keras", "tf"]
