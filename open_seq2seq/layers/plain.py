"""Whether layers take the plain form of their operations, which other runtimes know.

In training, layers write convolutions in the form that TensorFlow's kernels are fast at. Converters
to other formats and those formats' runtimes want the convolutions themselves: they fold batch
normalization into them, quantize them and have kernels for them.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_is_plain = contextvars.ContextVar("is_plain", default=False)


def is_plain() -> bool:
    """Tell whether the layers that are called now take the plain form."""
    return _is_plain.get()


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Within this, layers that are called take the plain form."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)
