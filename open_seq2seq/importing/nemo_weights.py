"""Conversion of a NeMo MatchboxNet's weights to the names and layout of this toolkit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.errors import UserError, counted, cut, listed

# PyTorch's names of a BatchNorm's variables -> Keras's
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# keys without effect on the network: counters, and the lengths in older masked convolutions
_IGNORED = re.compile(r"(?!encoder\.|decoder\.).*|.*\.(num_batches_tracked|max_len|lens|seq_range)")


class _Weight(NamedTuple):
    """One weight.

    Attributes:
        theirs: state-dict key; in a masked convolution it has ".conv" before ".weight".
        ours: path of the variable.
        shape: shape in the state dict.
    """

    theirs: str
    ours: str
    shape: tuple[int, ...]


def convert_weights(
    weights: dict[str, np.ndarray],
    layers: list[dict[str, Any]],
    n_features: int,
    n_labels: int,
    name: str,
) -> dict[str, np.ndarray]:
    """Convert the weights of a MatchboxNet's encoder and decoder.

    Args:
        weights: NeMo's, by state-dict key; convolutions are [out, in / groups, k], linear layers
            [out, in].
        layers: ``convnet_layers`` of `NemoModel`.
        n_features: number of input features.
        n_labels: number of outputs of the decoder.
        name: name of the archive, for messages.

    Returns:
        arrays by variable path; convolutions are [k, 1, in, out], depthwise convolutions
        [k, 1, channels, 1], and the decoder's kernel [in, out].

    Raises:
        UserError: weights are missing, left over, not finite, or have another shape; the message
            names all of them.
    """
    arrays, problems = {}, []
    unused = {key for key in weights if not _IGNORED.fullmatch(key)}
    for weight in _expected(layers, n_features, n_labels):
        key = weight.theirs
        if key not in weights and key.endswith(".weight"):
            key = f"{key.removesuffix('.weight')}.conv.weight"
        unused.discard(key)
        if key not in weights:
            problems.append(f"{weight.theirs}: missing")
        elif weights[key].shape != weight.shape:
            problems.append(f"{key}: shape {weights[key].shape}, expected {weight.shape}")
        elif not np.isfinite(weights[key]).all():
            problems.append(f"{key}: some of its values are not finite")
        else:
            arrays[weight.ours] = _convert(np.asarray(weights[key], np.float32), weight)
    problems += [f"{cut(key)}: no layer in model_config.yaml has it" for key in sorted(unused)]
    if problems:
        raise UserError(
            f"{name}: model_weights.ckpt does not match model_config.yaml "
            f"({counted(len(problems), 'difference')}):{listed(problems)}"
        )
    return arrays


def _expected(layers: list[dict[str, Any]], n_features: int, n_labels: int) -> Iterator[_Weight]:
    """Yield every weight of the network that ``layers`` describe."""
    channels = n_features
    for block, layer in enumerate(layers):
        theirs = f"encoder.encoder.{block}"
        width, kernel = layer["num_channels"], layer["kernel_size"][0]
        n_in = channels
        index = 0  # of a module in mconv
        for repeat in range(layer.get("repeat", 1)):
            ours = f"tdnn_encoder.conv{block + 1}{repeat + 1}"
            shape = (width, n_in, kernel)
            if layer.get("separable", False):
                yield _Weight(
                    f"{theirs}.mconv.{index}.weight", f"{ours}.depthwise/kernel", (n_in, 1, kernel)
                )
                index += 1
                shape = (width, n_in, 1)
            yield _Weight(f"{theirs}.mconv.{index}.weight", f"{ours}/kernel", shape)
            yield from _norm(f"{theirs}.mconv.{index + 1}", f"{ours}.bn", width)
            index += 4  # convolution, BatchNorm, activation, dropout
            n_in = width
        if layer.get("residual", False):
            yield _Weight(f"{theirs}.res.0.0.weight", f"{ours}.res/kernel", (width, channels, 1))
            yield from _norm(f"{theirs}.res.0.1", f"{ours}.res_bn", width)
        channels = width
    yield _Weight(
        "decoder.decoder_layers.0.weight",
        f"{FullyConnectedDecoder.output_layer}/kernel",
        (n_labels, channels),
    )
    yield _Weight(
        "decoder.decoder_layers.0.bias", f"{FullyConnectedDecoder.output_layer}/bias", (n_labels,)
    )


def _norm(theirs: str, ours: str, channels: int) -> Iterator[_Weight]:
    for ending, our_ending in _NORM.items():
        yield _Weight(f"{theirs}.{ending}", f"{ours}/{our_ending}", (channels,))


def _convert(array: np.ndarray, weight: _Weight) -> np.ndarray:
    """Return the array in the layout of Keras."""
    if weight.ours.endswith(".depthwise/kernel"):
        return array.transpose(2, 0, 1)[:, None]  # [channels, 1, k] to [k, 1, channels, 1]
    if array.ndim == 3:
        return array.transpose(2, 1, 0)[:, None]  # [out, in, k] to [k, 1, in, out]
    return array.T
