"""TensorFlow and Keras, imported on first use.

``from open_seq2seq.lazy import keras, tf`` costs nothing until an attribute is touched, so
``--help`` and mistakes in a config answer at once, and no device is opened for them.
"""

from __future__ import annotations

import importlib
import os
import types
from typing import TYPE_CHECKING, Any

# errors only: the notes on CPU features come at every start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow turns oneDNN's kernels on by itself only where the CPU has AVX-512 VNNI, bfloat16 or
# AMX. On an AMD CPU with AVX2 alone they train BC-ResNet-1 at 289 to 297 clips/s instead of 164 to
# 190, and MatchboxNet at 670 instead of 567 to 582.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class LazyModule(types.ModuleType):
    """Stands for a module until it is used.

    lazy_loader puts its stand-in into sys.modules, where Keras and TensorFlow, which import each
    other, find it half loaded; this one stays out of their sight.
    """

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras = LazyModule("keras")
    tf = LazyModule("tensorflow")

__all__ = ["LazyModule", "keras", "tf"]
