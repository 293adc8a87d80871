"""Custom Keras layers, and the masks, regularizers and initializers of all layers.

``from open_seq2seq.layers import batch_norm, time_conv`` imports Keras on first use.
"""

from typing import TYPE_CHECKING

from open_seq2seq.lazy import LazyModule

if TYPE_CHECKING:
    from open_seq2seq.layers import batch_norm, convolutions, dropout, merging, time_conv
else:
    batch_norm = LazyModule("open_seq2seq.layers.batch_norm")
    convolutions = LazyModule("open_seq2seq.layers.convolutions")
    dropout = LazyModule("open_seq2seq.layers.dropout")
    merging = LazyModule("open_seq2seq.layers.merging")
    time_conv = LazyModule("open_seq2seq.layers.time_conv")

__all__ = ["batch_norm", "convolutions", "dropout", "merging", "time_conv"]
