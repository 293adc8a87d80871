"""Imported by the process that runs are forked from, before the first fork: all slow modules that
start no thread, as threads do not survive a fork.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or importing NumPy starts threads

# isort: split
import open_seq2seq.data.dataset
import open_seq2seq.modes  # noqa: F401
from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import keras, tf

_ = tf.function, keras.layers, batch_norm.BatchNorm
_n_threads = len(os.listdir("/proc/self/task"))
assert _n_threads == 1, f"an imported module has started {_n_threads - 1} threads"
