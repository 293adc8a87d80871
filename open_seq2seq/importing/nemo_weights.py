"""The weights of a NeMo MatchboxNet by the names and in the layout of this toolkit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.decoders import FullyConnectedDecoder
from open_seq2seq.errors import UserError, cut, listed

# PyTorch's and Keras's names of a BatchNorm's variables
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# of no meaning for the network: counters, and the lengths that older masked convolutions keep
_IGNORED = re.compile(r"(?!encoder\.|decoder\.).*|.*\.(num_batches_tracked|max_len|lens|seq_range)")


class _Weight(NamedTuple):
    theirs: (
        str  # state-dict key; a convolution's has ".conv" before ".weight" if it is a masked one
    )
    ours: str  # path of the variable
    shape: tuple[int, ...]  # theirs


def convert_weights(
    weights: dict[str, np.ndarray],
    layers: list[dict[str, Any]],
    n_features: int,
    n_labels: int,
    name: str,
) -> dict[str, np.ndarray]:
    """Rename and lay out the weights of `NemoModel`'s layers and of its decoder.

    Args:
        weights: NeMo's, by state-dict key; convolutions are [out, in / groups, k], linear layers
            [out, in].
        layers: ``convnet_layers``.
        n_features: of the input.
        n_labels: outputs of the decoder.
        name: of the archive, for messages.

    Returns:
        by variable path; convolutions are [k, 1, in, out] and depthwise ones [k, 1, channels, 1],
        the decoder's kernel is [in, out].

    Raises:
        UserError: one is missing, has another shape or is not finite, or the archive has more of
            them; all are named.
    """
    found, problems = {}, []
    left = {key for key in weights if not _IGNORED.fullmatch(key)}
    for weight in _expected(layers, n_features, n_labels):
        key = weight.theirs
        if key not in weights and key.endswith(".weight"):
            key = f"{key.removesuffix('.weight')}.conv.weight"
        left.discard(key)
        if key not in weights:
            problems.append(f"{weight.theirs}: missing")
        elif weights[key].shape != weight.shape:
            problems.append(f"{key}: {weights[key].shape}, expected {weight.shape}")
        elif not np.isfinite(weights[key]).all():
            problems.append(f"{key}: some of its values are not finite")
        else:
            found[weight.ours] = _lay_out(np.asarray(weights[key], np.float32), weight)
    problems += [
        f"{cut(key)}: of no layer that model_config.yaml describes" for key in sorted(left)
    ]
    if problems:
        raise UserError(
            f"{name}: model_weights.ckpt does not fit model_config.yaml ({len(problems)} differences):"
            + listed(problems)
        )
    return found


def _expected(layers: list[dict[str, Any]], n_features: int, n_labels: int) -> Iterator[_Weight]:
    channels = n_features
    for block, layer in enumerate(layers):
        theirs, width, kernel = (
            f"encoder.encoder.{block}",
            layer["num_channels"],
            layer["kernel_size"][0],
        )
        is_separable, n_repeats = layer.get("separable", False), layer.get("repeat", 1)
        n_in = channels
        place = 0  # in mconv: convolution, pointwise convolution if separable, BatchNorm; then activation and dropout
        for repeat in range(n_repeats):
            ours = f"tdnn_encoder.conv{block + 1}{repeat + 1}"
            if is_separable:
                yield _Weight(
                    f"{theirs}.mconv.{place}.weight", f"{ours}.depthwise/kernel", (n_in, 1, kernel)
                )
                yield _Weight(
                    f"{theirs}.mconv.{place + 1}.weight", f"{ours}/kernel", (width, n_in, 1)
                )
            else:
                yield _Weight(
                    f"{theirs}.mconv.{place}.weight", f"{ours}/kernel", (width, n_in, kernel)
                )
            yield from _norm(f"{theirs}.mconv.{place + 1 + is_separable}", f"{ours}.bn", width)
            place += 4 + is_separable
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


def _lay_out(array: np.ndarray, weight: _Weight) -> np.ndarray:
    if weight.ours.endswith(".depthwise/kernel"):
        return array.transpose(2, 0, 1)[:, None]  # [channels, 1, k] to [k, 1, channels, 1]
    if array.ndim == 3:
        return array.transpose(2, 1, 0)[:, None]  # [out, in, k] to [k, 1, in, out]
    return array.T
