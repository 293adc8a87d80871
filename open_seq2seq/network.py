"""The one place where a network is built, with its device and the dtype of its arithmetic."""

from __future__ import annotations

import contextlib
import logging
import math
import re
from pathlib import Path

from open_seq2seq import layers
from open_seq2seq.components import Decoder, Encoder, LayerOptions
from open_seq2seq.config import Config
from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.layers.regularizers import as_regularizer
from open_seq2seq.lazy import keras, tf
from open_seq2seq.models import Image2Label
from open_seq2seq.structs import KerasModel, MergedClasses, Variable
from open_seq2seq.system.cores import n_cores

logger = logging.getLogger(__name__)


def build_network(
    encoder: Encoder,
    decoder: Decoder,
    data_layer: SpeechCommandsDataLayer,
    n_labels: int,
    options: LayerOptions | None = None,
    merged: MergedClasses | None = None,
) -> KerasModel:
    """Return a Keras model from `structs.Batch.inputs` to logits, float32 [batch, n_labels].

    Where it has further classes, their logits are merged; `before_merging` has them.

    Args:
        encoder: features to hidden representation.
        decoder: hidden representation to logits.
        data_layer: says how many frames and features a clip has.
        n_labels: how many labels the data has.
        options: dtype, initializer and regularizer of all layers; by default float32 and none.
        merged: further classes; None: there are none.

    Raises:
        UserError: the parts do not fit together.
    """
    check_decoder(decoder, n_labels)
    shape = data_layer.image_shape
    options = options or LayerOptions()
    if merged is None:
        return Image2Label.build(encoder, decoder, shape, n_labels, options)
    network = Image2Label.build(encoder, decoder, shape, n_labels + merged.n, options)
    logits = layers.merging.MergeClasses(n_labels, merged)(network.output)
    return keras.Model(network.input, logits, name=network.name)


def before_merging(network: KerasModel) -> KerasModel:
    """Return the network to the logits of all classes, [batch, classes], of the same variables."""
    last = network.layers[-1]
    if not isinstance(last, layers.merging.MergeClasses):
        return network
    return keras.Model(network.input, last.input, name=network.name)


def classes_beyond_labels(network: KerasModel) -> MergedClasses | None:
    """Return which classes a network has beyond its labels; None: it has none."""
    return getattr(network.layers[-1], "merged", None)


def build_for_run(
    config: Config,
    workers: Workers,
    section: str,
    n_labels: int,
    merged: MergedClasses | None = None,
) -> KerasModel:
    """Take this process's device and return the network of a run.

    Args:
        config: names the parts, the dtype, and what all layers share.
        workers: all processes.
        section: whose data layer says what a clip looks like.
        n_labels: how many labels the data has.
        merged: further classes; None: there are none.
    """
    has_gpu = take_device(workers, config.params.random_seed)
    policy, notice = dtype_policy(config.params.dtype, has_gpu)
    if notice:
        logger.info(notice)
    regularizer = as_regularizer(config.regularizer()) if config.regularizer else None
    options = LayerOptions(policy, config.initializer, regularizer)
    network = build_network(
        config.encoder, config.decoder, config.data_layers[section], n_labels, options, merged
    )
    n_parameters = sum(
        variable.value.shape.num_elements() for variable in network.trainable_variables
    )
    kind = "GPU" if has_gpu else "CPU"
    devices = f"one {kind}" if workers.size == 1 else f"{workers.size} {kind} processes"
    logger.info(f"model: {n_parameters:,} trainable parameters, {policy}, {devices}")
    return network


def check_decoder(decoder: Decoder, n_labels: int) -> None:
    """Refuse a decoder whose output_dim contradicts the labels."""
    if decoder.output_dim not in (None, n_labels):
        raise UserError(
            f"decoder_params/output_dim: {decoder.output_dim}, but the data has {n_labels} labels; "
            "leave it out"
        )


def output_layer(decoder: Decoder, network: KerasModel) -> str:
    """Return the name of the layer whose outputs are the labels.

    The decoder says it; of one that does not, it is the last layer that has weights.

    Raises:
        UserError: the network has no layer of the name that the decoder says.
    """
    with_weights = [layer.name for layer in network.layers if layer.weights]
    name = decoder.output_layer
    if name is None:
        return with_weights[-1]
    if name not in with_weights:
        raise UserError(
            f"decoder: {type(decoder).__name__} says that its output layer is {name!r}, expected "
            f"one of the layers with weights: {', '.join(with_weights)}; correct its output_layer"
        )
    return name


def multiply_adds(network: KerasModel) -> int:
    """Return the multiply-adds of one clip in convolutions and matrix products.

    Each weight of a kernel is used once for every position of its layer's output.
    """
    return sum(
        math.prod(variable.shape) * math.prod(layer.output.shape[1:-1])
        for layer in network.layers
        for variable in layer.weights
        if "kernel" in variable.name
    )


def trained_variables(frozen_pattern: str | None, network: KerasModel) -> list[Variable]:
    """Return the trainable variables, without those that `freeze_variables_regex` matches.

    Raises:
        UserError: it is not a regular expression, or it matches all variables or none.
    """
    variables = list(network.trainable_variables)
    if frozen_pattern is None:
        return variables
    try:
        pattern = re.compile(frozen_pattern)
    except re.error as error:
        raise UserError(
            f"freeze_variables_regex: {frozen_pattern!r} is not a regular expression ({error})"
        ) from None
    trained = [variable for variable in variables if not pattern.search(variable.path)]
    if not trained:
        raise UserError(f"freeze_variables_regex: {frozen_pattern!r} matches all of the variables")
    if len(trained) == len(variables):
        raise UserError(f"freeze_variables_regex: {frozen_pattern!r} matches none of the variables")
    return trained


def take_device(workers: Workers, seed: int) -> bool:
    """Take this process's GPU, seed the weights, and return whether there is a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        gpu = gpus[workers.local_rank % len(gpus)]
        tf.config.set_visible_devices(gpu, "GPU")
        tf.config.experimental.set_memory_growth(gpu, True)
    elif workers.size > 1:
        # ranks of one machine that each take all cores fight for them
        n_threads = max(1, n_cores() // workers.local_size)
        with contextlib.suppress(RuntimeError):  # already set: an elastic run has started anew
            tf.config.threading.set_intra_op_parallelism_threads(n_threads)
            tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    keras.utils.set_random_seed(seed)
    return bool(gpus)


def dtype_policy(dtype: str, has_gpu: bool) -> tuple[str, str]:
    """Return the Keras policy for a config's dtype, and what to tell the user, if anything.

    float16 on a CPU does not finish a batch in minutes. bfloat16 is the fast type where the CPU has
    instructions for it; where it has not, ResNet-50 was ten times slower in it than in float32.
    """
    has_bfloat16 = has_gpu or cpu_has_bfloat16()
    if dtype == "mixed":
        if has_gpu:
            return "mixed_float16", ""
        if has_bfloat16:
            return "mixed_bfloat16", "dtype: there is no GPU here, 'mixed' computes in bfloat16"
        notice = "dtype: there is no GPU here and the CPU has no bfloat16, "
        return "float32", f"{notice}'mixed' computes in float32"
    if dtype == "mixed_bfloat16" and not has_bfloat16:
        notice = "dtype: this CPU has no bfloat16 instructions, 'mixed_bfloat16' will be slow"
        return "mixed_bfloat16", notice
    return dtype, ""


def cpu_has_bfloat16() -> bool:
    """Tell whether the CPU multiplies bfloat16 itself; False where the system does not say."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(f" {flag}" in flags for flag in ("amx_bf16", "avx512_bf16", "bf16"))
