"""Import path of regularizers and initializers in existing configs; the code is in `layers`."""

from open_seq2seq.layers.initializers import (
    INITIALIZERS,
    variance_scaling_initializer,
    xavier_initializer,
)
from open_seq2seq.layers.regularizers import REGULARIZERS, as_regularizer, l2_regularizer

__all__ = [
    "INITIALIZERS",
    "REGULARIZERS",
    "as_regularizer",
    "l2_regularizer",
    "variance_scaling_initializer",
    "xavier_initializer",
]
