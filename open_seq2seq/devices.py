"""Which GPU a process uses, and what its arithmetic is."""

from __future__ import annotations

import functools

from open_seq2seq.components import LayerOptions
from open_seq2seq.config import Config
from open_seq2seq.distributed import Workers
from open_seq2seq.lazy import keras, tf


def set_up(workers: Workers, seed: int) -> bool:
    """Take this process's GPU, seed the weights, and return whether there is a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        gpu = gpus[workers.local_rank % len(gpus)]
        tf.config.set_visible_devices(gpu, "GPU")
        tf.config.experimental.set_memory_growth(gpu, True)
    elif workers.size > 1:
        # ranks of one machine that each take all cores fight for them
        n_threads = max(1, (_n_cores() // workers.local_size))
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    keras.utils.set_random_seed(seed)
    return bool(gpus)


def dtype_policy(dtype: str, has_gpu: bool) -> str:
    """Return the Keras policy for a config's dtype; float16 on a CPU is too slow to be of use."""
    if dtype == "float32":
        return "float32"
    return "mixed_float16" if dtype == "mixed" and has_gpu else "mixed_bfloat16"


def layer_options(config: Config, policy: str) -> LayerOptions:
    """Return what the run says about every layer."""
    return LayerOptions(
        dtype=policy,
        initializer=config.initializer() if config.initializer else None,
        regularizer=config.regularizer() if config.regularizer else None,
    )


@functools.cache
def _n_cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
