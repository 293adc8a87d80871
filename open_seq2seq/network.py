"""Which GPU a process uses, and what its arithmetic is."""

from __future__ import annotations

import contextlib
from pathlib import Path

from open_seq2seq.components import LayerOptions
from open_seq2seq.config import Config
from open_seq2seq.distributed import Workers
from open_seq2seq.layers.regularizers import as_regularizer
from open_seq2seq.lazy import keras, tf
from open_seq2seq.system.cores import n_cores


def set_up(workers: Workers, seed: int) -> bool:
    """Take this process's GPU, seed the weights, and return whether there is a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        gpu = gpus[workers.local_rank % len(gpus)]
        tf.config.set_visible_devices(gpu, "GPU")
        tf.config.experimental.set_memory_growth(gpu, True)
    elif workers.size > 1:
        # ranks of one machine that each take all cores fight for them
        n_threads = max(1, n_cores() // workers.local_size)
        with contextlib.suppress(RuntimeError):  # computes already: processes have come or gone
            tf.config.threading.set_intra_op_parallelism_threads(n_threads)
            tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    keras.utils.set_random_seed(seed)
    return bool(gpus)


def dtype_policy(dtype: str, has_gpu: bool) -> tuple[str, str]:
    """Return the Keras policy for a config's dtype, and what to tell the user about it, if
    anything.

    float16 on a CPU does not finish a batch in minutes. bfloat16 is the fast type where the CPU has
    instructions for it; where it has not, ResNet-50 was ten times slower in it than in float32.
    """
    if dtype == "mixed" and has_gpu:
        return "mixed_float16", ""
    has_bfloat16 = has_gpu or cpu_has_bfloat16()
    if dtype == "mixed" and has_bfloat16:
        return "mixed_bfloat16", "dtype: there is no GPU here, 'mixed' computes in bfloat16"
    if dtype == "mixed":
        return (
            "float32",
            "dtype: there is no GPU here and the CPU has no bfloat16, 'mixed' computes in float32",
        )
    if dtype == "mixed_bfloat16":
        slow = (
            ""
            if has_bfloat16
            else "dtype: this CPU has no bfloat16 instructions, 'mixed_bfloat16' will be slow"
        )
        return "mixed_bfloat16", slow
    return "float32", ""


def cpu_has_bfloat16() -> bool:
    """Tell whether the CPU multiplies bfloat16 itself; False where the system does not say."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(f" {flag}" in flags for flag in ("amx_bf16", "avx512_bf16", "bf16"))


def layer_options(config: Config, policy: str) -> LayerOptions:
    """Return what the run says about every layer."""
    return LayerOptions(
        dtype=policy,
        initializer=config.initializer,
        regularizer=as_regularizer(config.regularizer()) if config.regularizer else None,
    )
