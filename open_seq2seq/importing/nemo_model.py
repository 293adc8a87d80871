"""Translation of a NeMo MatchboxNet's configuration into parameters of this toolkit."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from open_seq2seq.data.words import is_storable
from open_seq2seq.errors import UserError, listed, shown
from open_seq2seq.importing.nemo_reader import Reader

LabelOrder = Literal["sorted", "config"]

_ENCODERS = ("ConvASREncoder", "JasperEncoder")
_DECODER = "ConvASRDecoderClassification"
_PREPROCESSOR = "AudioToMFCCPreprocessor"
_MODEL = "EncDecClassificationModel"
_ACTIVATIONS = {"relu": "relu", "selu": "selu", "swish": "silu"}  # NeMo's name -> Keras's
_POOLINGS = {"avg": "mean", "max": "max"}
# keys with only one value that this toolkit's network has too
_ENCODER_CONSTANTS = {
    "normalization_mode": "batch",
    "residual_mode": "add",
    "frame_splicing": 1,
    "quantize": False,
}
_LAYER_CONSTANTS = {
    "groups": 1,
    "heads": -1,
    "se": False,
    "residual_mode": "add",
    "residual_dense": False,
}
_LAYER_TRANSLATED = {
    "filters",
    "repeat",
    "kernel",
    "kernel_size_factor",
    "stride",
    "dilation",
    "dropout",
    "residual",
    "separable",
    "future_context",
}
_LAYER_IGNORED = {  # without effect at stride 1, with BatchNorm and without squeeze-and-excitation
    "stride_last",
    "norm_groups",
    "se_reduction_ratio",
    "se_context_size",
    "se_context_window",
    "se_interpolation_mode",
}
_LAYER_KEYS = _LAYER_TRANSLATED | _LAYER_IGNORED | set(_LAYER_CONSTANTS)
_PREPROCESSOR_CONSTANTS = {"window": "hann", "dct_type": 2, "norm": "ortho", "log": True}
_MAX_SIZE = 10_000  # of filters, repeats or dilation of a layer
_MAX_CONVOLUTIONS = 1000  # in all layers; the largest published MatchboxNet has 40
# NeMo's keys of SpecAugment -> ours
_MASKS = {
    "time_masks": "time_masks",
    "time_width": "time_mask_width",
    "freq_masks": "freq_masks",
    "freq_width": "freq_mask_width",
    "rect_masks": "cutouts",
    "rect_time": "cutout_time",
    "rect_freq": "cutout_freq",
}


class NemoModel(NamedTuple):
    """A MatchboxNet as parameters of a config."""

    labels: tuple[str, ...]  # in the order of the network's outputs
    encoder_params: dict[str, Any]
    decoder_params: dict[str, Any]
    data_layer_params: dict[str, Any]
    train_data_params: dict[str, Any]  # of the augmentation
    notes: list[str]  # hints for the user


def describe(config: dict[str, Any], name: str, label_order: LabelOrder = "sorted") -> NemoModel:
    """Translate ``model_config.yaml``.

    Args:
        config: contents of the file.
        name: name of the archive, for messages.
        label_order: order of the network's outputs, see `_labels`.

    Raises:
        UserError: the model is not a MatchboxNet, or has layers or settings that this toolkit
            lacks; the message names all of them.
    """
    reader = Reader(config)
    reader.expect_class("", config, (_MODEL,), is_required=False)
    model = NemoModel(
        labels=_labels(reader, label_order),
        encoder_params=_encoder(reader),
        decoder_params=_decoder(reader),
        data_layer_params=_front_end(reader),
        train_data_params=_augmentation(reader),
        notes=reader.notes,
    )
    if reader.problems:
        raise UserError(
            f"{name}: model_config.yaml: {len(reader.problems)} settings cannot be imported, "
            f"expected those of a MatchboxNet:{listed(reader.problems)}"
        )
    return model


def _labels(reader: Reader, order: LabelOrder) -> tuple[str, ...]:
    """Return the labels in the order of the network's outputs.

    NeMo's classification models number the labels of the training manifest sorted by name,
    whatever the config lists (EncDecClassificationModel inherits that from
    EncDecSpeakerLabelModel). Early releases used the config's order.
    """
    train_labels = reader.words("train_ds/", reader.section("train_ds"), "labels")
    labels = reader.words("", reader.config, "labels") or train_labels
    if not labels:
        reader.problems.append("labels: none are given")
    if len(set(labels)) < len(labels) or any(
        not is_storable(label) or label != label.strip() for label in labels
    ):
        reader.problems.append(f"labels: expected words, each once, got {shown(labels)}")
    if train_labels and sorted(train_labels) != sorted(labels):
        reader.problems.append(
            f"train_ds/labels: {shown(train_labels)}, expected the archive's labels {shown(labels)}"
        )
    if labels == sorted(labels):
        return tuple(labels)
    used, why, other = labels, "in the order of the archive", "sorted"
    if order == "sorted":
        used, why, other = sorted(labels), "sorted by name, as NeMo trains", "config"
    reader.notes.append(
        "note: the archive's list of labels is not sorted by name; the network's outputs are "
        f"assumed to be {why}: {' '.join(used)}. Early releases of NeMo differ: if predictions are "
        f"wrong, try --label_order={other}"
    )
    return tuple(used)


def _encoder(reader: Reader) -> dict[str, Any]:
    section = reader.section("encoder")
    reader.expect_class("encoder", section, _ENCODERS)
    reader.expect_constants("encoder/", section, _ENCODER_CONSTANTS)
    activation = reader.value("encoder/", section, "activation", str)
    if activation not in _ACTIVATIONS:
        reader.problems.append(
            f"encoder/activation: {shown(activation)}, expected one of {', '.join(_ACTIVATIONS)}"
        )
    layers = section.get("jasper")
    if (
        not isinstance(layers, list)
        or not layers
        or not all(isinstance(layer, dict) for layer in layers)
    ):
        reader.problems.append(f"encoder/jasper: expected a list of layers, got {shown(layers)}")
        layers = []
    convnet_layers = [
        _layer(reader, f"encoder/jasper/{i}/", layer) for i, layer in enumerate(layers)
    ]
    n_convolutions = sum(layer.get("repeat", 1) for layer in convnet_layers)
    if n_convolutions > _MAX_CONVOLUTIONS:
        reader.problems.append(
            f"encoder/jasper: {n_convolutions:,} convolutions, "
            f"expected {_MAX_CONVOLUTIONS:,} at most"
        )
    return {
        "convnet_layers": convnet_layers,
        "activation_fn": _ACTIVATIONS.get(activation, "relu"),
        "bn_momentum": 0.9,  # PyTorch's momentum, 0.1, is the weight of the new value
        "bn_epsilon": 0.001,
        "use_conv_mask": reader.value("encoder/", section, "conv_mask", bool, True),
    }


def _layer(reader: Reader, prefix: str, layer: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of ``convnet_layers`` without values that are defaults."""
    reader.problems += [
        f"{prefix}{key}: unknown key with the value {shown(value)}"
        for key, value in layer.items()
        if key not in _LAYER_KEYS
    ]
    reader.expect_constants(prefix, layer, _LAYER_CONSTANTS)
    if reader.value(prefix, layer, "future_context", int, -1) >= 0:
        reader.problems.append(
            f"{prefix}future_context: only symmetric padding (-1) can be imported"
        )
    if reader.value(prefix, layer, "stride", int, 1) != 1:
        reader.problems.append(
            f"{prefix}stride: only 1 can be imported, as PyTorch pads strided convolutions "
            "differently"
        )
    kernel_size = reader.value(prefix, layer, "kernel", int)
    factor = reader.value(prefix, layer, "kernel_size_factor", float, 1.0)
    kernel_size = max(1, int(kernel_size * factor))
    if kernel_size % 2 == 0:  # NeMo makes kernels odd
        kernel_size += 1
    repeat = reader.value(prefix, layer, "repeat", int)
    filters = reader.value(prefix, layer, "filters", int)
    dilation = reader.value(prefix, layer, "dilation", int, 1)
    dropout = reader.value(prefix, layer, "dropout", float, 0.0)
    for key, value in (("filters", filters), ("repeat", repeat), ("dilation", dilation)):
        if not 1 <= value <= _MAX_SIZE:
            reader.problems.append(f"{prefix}{key}: expected 1 to {_MAX_SIZE}, got {shown(value)}")
    if not 0 <= dropout < 1:
        reader.problems.append(
            f"{prefix}dropout: expected 0 or more and less than 1, got {dropout}"
        )
    entry: dict[str, Any] = {"kernel_size": [kernel_size], "num_channels": filters}
    if reader.value(prefix, layer, "separable", bool, False):
        entry["separable"] = True
    if repeat != 1:
        entry["repeat"] = repeat
    if reader.value(prefix, layer, "residual", bool):
        entry["residual"] = True
    if dilation != 1:
        entry["dilation"] = [dilation]
    if dropout:
        entry["dropout_keep_prob"] = round(1.0 - dropout, 10)
    return entry


def _decoder(reader: Reader) -> dict[str, Any]:
    section = reader.section("decoder")
    reader.expect_class("decoder", section, (_DECODER,))
    pooling = reader.value("decoder/", section, "pooling_type", str, "avg")
    if pooling not in _POOLINGS:
        reader.problems.append(
            f"decoder/pooling_type: {shown(pooling)}, expected one of {', '.join(_POOLINGS)}"
        )
    return {"pooling": _POOLINGS.get(pooling, "mean")}


def _front_end(reader: Reader) -> dict[str, Any]:
    section = reader.section("preprocessor")
    reader.expect_class("preprocessor", section, (_PREPROCESSOR,))
    prefix = "preprocessor/"
    reader.expect_constants(prefix, section, _PREPROCESSOR_CONSTANTS)
    sample_rate = reader.value(prefix, section, "sample_rate", int, 16000)
    config = {"sample_rate": sample_rate, **reader.config}
    model_rate = reader.value("", config, "sample_rate", int)
    if model_rate != sample_rate:
        reader.problems.append(
            f"sample_rate: {model_rate} contradicts the preprocessor's, {sample_rate}"
        )
    win_length = _n_samples(reader, section, "window_size", 0.02, sample_rate)
    hop_length = _n_samples(reader, section, "window_stride", 0.01, sample_rate)
    n_mels = reader.value(prefix, section, "n_mels", int, 64)
    n_mfcc = reader.value(prefix, section, "n_mfcc", int, 64)
    crop = reader.section("crop_or_pad_augment")
    if not crop:
        reader.notes.append(
            "note: the archive does not give the number of frames of an image; 128 is assumed"
        )
    params: dict[str, Any] = {
        "features": "mfcc",
        "num_audio_features": n_mfcc,
        "sample_rate": sample_rate,
        "n_fft": reader.value(prefix, section, "n_fft", int, 2 ** math.ceil(math.log2(win_length))),
        "win_length": win_length,
        "hop_length": hop_length,
        "audio_length": reader.value("crop_or_pad_augment/", crop, "audio_length", int, 128),
        "frame_padding": "reflect",
    }
    if n_mels != n_mfcc:
        params["num_mels"] = n_mels
    if low := reader.value(prefix, section, "lowfreq", float, 0.0):
        params["fmin"] = low
    if section.get("highfreq") is not None:
        params["fmax"] = reader.value(prefix, section, "highfreq", float)
    return params


def _n_samples(
    reader: Reader, section: dict[str, Any], key: str, default_s: float, sample_rate: int
) -> int:
    """Return the length of a window or hop in samples, rounded down as NeMo does."""
    n_samples = section.get(f"n_{key}")
    if n_samples is None:
        n_samples = int(reader.value("preprocessor/", section, key, float, default_s) * sample_rate)
    if not isinstance(n_samples, int) or n_samples < 1:
        reader.problems.append(
            f"preprocessor/{key}: expected a sample or more, got {shown(n_samples)}"
        )
        return 2
    return n_samples


def _augmentation(reader: Reader) -> dict[str, Any]:
    """Return the parameters of the augmentation that the archive and this toolkit share."""
    augmentor = reader.section("train_ds").get("augmentor")
    shift, noise = _part(augmentor, "shift"), _part(augmentor, "white_noise")
    prefix = "train_ds/augmentor/"
    params: dict[str, Any] = {
        "time_shift_ms": reader.value(f"{prefix}shift/", shift, "max_shift_ms", float, 0.0),
        "pitch_shift": 0.0,
        "time_stretch": 0.0,
        "noise_level_max": None,
    }
    if noise:
        params["noise_level_min"] = reader.value(
            f"{prefix}white_noise/", noise, "min_level", float, -90.0
        )
        params["noise_level_max"] = reader.value(
            f"{prefix}white_noise/", noise, "max_level", float, -46.0
        )
    masks = reader.section("spec_augment")
    return params | {
        ours: reader.value("spec_augment/", masks, key, int)
        for key, ours in _MASKS.items()
        if key in masks
    }


def _part(section: Any, key: str) -> dict[str, Any]:
    """Return the dictionary at ``key``, empty if there is none."""
    if isinstance(section, dict) and isinstance(section.get(key), dict):
        return section[key]
    return {}
