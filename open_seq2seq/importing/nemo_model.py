"""What a NeMo archive's configuration says about a MatchboxNet, in this toolkit's words."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from open_seq2seq.errors import UserError, listed, shown
from open_seq2seq.importing.nemo_reader import Reader

LabelOrder = Literal["sorted", "config"]

_ENCODERS = ("ConvASREncoder", "JasperEncoder")
_DECODER = "ConvASRDecoderClassification"
_PREPROCESSOR = "AudioToMFCCPreprocessor"
_MODEL = "EncDecClassificationModel"
_ACTIVATIONS = {"relu": "relu", "selu": "selu", "swish": "silu"}  # NeMo's name -> Keras's
_POOLINGS = {"avg": "mean", "max": "max"}
# keys whose other values mean a network that there is none of here
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
_LAYER_IGNORED = {
    *("stride_last", "norm_groups"),  # of no effect with stride 1 and BatchNorm
    *("se_reduction_ratio", "se_context_size", "se_context_window", "se_interpolation_mode"),
}
_PREPROCESSOR_CONSTANTS = {"window": "hann", "dct_type": 2, "norm": "ortho", "log": True}
_MOST = 10_000  # of anything in a layer
_MOST_CONVOLUTIONS = 1000  # in all layers; the largest MatchboxNet that was published has 40
# SpecAugment's keys, there and here
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

    labels: tuple[str, ...]  # what the network's outputs mean, in order
    encoder_params: dict[str, Any]
    decoder_params: dict[str, Any]
    data_layer_params: dict[str, Any]
    train_data_params: dict[str, Any]  # augmentation
    notes: list[str]  # for the user


def describe(config: dict[str, Any], name: str, label_order: LabelOrder = "sorted") -> NemoModel:
    """Translate ``model_config.yaml``.

    Args:
        config: the file as read.
        name: of the archive, for messages.
        label_order: of the network's outputs, see `_labels`.

    Raises:
        UserError: it is no MatchboxNet, or it has layers or settings that there is nothing like
            here; all of them are named.
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
            f"{name}: model_config.yaml: {len(reader.problems)} things that cannot be imported, expected a MatchboxNet:"
            + listed(reader.problems)
        )
    return model


def _labels(reader: Reader, order: LabelOrder) -> tuple[str, ...]:
    """Return the labels in the order of the network's outputs.

    NeMo's classification models number the labels of the training manifest in the order of their
    names, whatever the config lists (EncDecClassificationModel has that from
    EncDecSpeakerLabelModel); early releases took the config's.
    """
    trained_on = reader.words("train_ds/", reader.section("train_ds"), "labels")
    listed = reader.words("", reader.config, "labels") or trained_on
    if not listed:
        reader.problems.append("labels: none are given")
    if len(set(listed)) < len(listed) or any(
        not label.isprintable() or label != label.strip() for label in listed
    ):
        reader.problems.append(f"labels: expected words, each once, got {shown(listed)}")
    if trained_on and sorted(trained_on) != sorted(listed):
        reader.problems.append(
            f"train_ds/labels: {shown(trained_on)} are not the labels, {shown(listed)}"
        )
    by_name = sorted(listed)
    used = by_name if order == "sorted" else listed
    if listed != by_name:
        why = (
            "sorted by name, as NeMo trains"
            if order == "sorted"
            else "in the order that the archive lists them"
        )
        other = "config" if order == "sorted" else "sorted"
        reader.notes.append(
            f"note: the archive does not list its labels sorted by name; the outputs are taken to be {why}: "
            f"{' '.join(used)}. If predictions are wrong, as early releases of NeMo differ, try --label_order={other}"
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
    if n_convolutions > _MOST_CONVOLUTIONS:
        reader.problems.append(
            f"encoder/jasper: {n_convolutions:,} convolutions, expected {_MOST_CONVOLUTIONS:,} at most"
        )
    return {
        "convnet_layers": convnet_layers,
        "activation_fn": _ACTIVATIONS.get(activation, "relu"),
        "bn_momentum": 0.9,  # PyTorch's momentum of 0.1 is the share of the new value
        "bn_epsilon": 0.001,
        "use_conv_mask": reader.value("encoder/", section, "conv_mask", bool, True),
    }


def _layer(reader: Reader, place: str, layer: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of ``convnet_layers``; what is its default is left out."""
    known = {
        "filters",
        "repeat",
        "kernel",
        "stride",
        "dilation",
        "dropout",
        "residual",
        "separable",
    }
    known |= {"kernel_size_factor", "future_context", *_LAYER_CONSTANTS, *_LAYER_IGNORED}
    reader.problems += [
        f"{place}{key}: not known, set to {shown(layer[key])}" for key in layer if key not in known
    ]
    reader.expect_constants(place, layer, _LAYER_CONSTANTS)
    if reader.value(place, layer, "future_context", int, -1) >= 0:
        reader.problems.append(
            f"{place}future_context: only convolutions that pad equally can be imported"
        )
    if reader.value(place, layer, "stride", int, 1) != 1:
        reader.problems.append(
            f"{place}stride: only 1 can be imported; PyTorch pads strided convolutions in another way"
        )
    # NeMo scales kernels and makes them odd
    kernel = max(
        1,
        int(
            reader.value(place, layer, "kernel", int)
            * reader.value(place, layer, "kernel_size_factor", float, 1.0)
        ),
    )
    repeat, filters = (reader.value(place, layer, key, int) for key in ("repeat", "filters"))
    dilation = reader.value(place, layer, "dilation", int, 1)
    dropout = reader.value(place, layer, "dropout", float, 0.0)
    for key, value in (("filters", filters), ("repeat", repeat), ("dilation", dilation)):
        if not 1 <= value <= _MOST:
            reader.problems.append(f"{place}{key}: expected 1 to {_MOST}, got {shown(value)}")
    if not 0 <= dropout < 1:
        reader.problems.append(f"{place}dropout: expected 0 or more and less than 1, got {dropout}")
    entry: dict[str, Any] = {"kernel_size": [kernel + 1 - kernel % 2], "num_channels": filters}
    if reader.value(place, layer, "separable", bool, False):
        entry["separable"] = True
    if repeat != 1:
        entry["repeat"] = repeat
    if reader.value(place, layer, "residual", bool):
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
    reader.expect_constants("preprocessor/", section, _PREPROCESSOR_CONSTANTS)
    place = "preprocessor/"
    sample_rate = reader.value(place, section, "sample_rate", int, 16000)
    if (
        of_clips := reader.value(
            "", {"sample_rate": sample_rate, **reader.config}, "sample_rate", int
        )
    ) != sample_rate:
        reader.problems.append(
            f"sample_rate: {of_clips} contradicts the preprocessor's, {sample_rate}"
        )
    lengths = []
    for key, seconds in (("window_size", 0.02), ("window_stride", 0.01)):
        samples = section.get(f"n_{key}")
        if samples is None:
            samples = int(
                reader.value(place, section, key, float, seconds) * sample_rate
            )  # cut off, as NeMo does
        if not isinstance(samples, int) or samples < 1:
            reader.problems.append(f"{place}{key}: expected a sample or more, got {shown(samples)}")
            samples = 2
        lengths.append(samples)
    win_length, hop_length = lengths
    n_mels = reader.value(place, section, "n_mels", int, 64)
    n_mfcc = reader.value(place, section, "n_mfcc", int, 64)
    crop = reader.section("crop_or_pad_augment")
    if not crop:
        reader.notes.append(
            "note: the archive does not say how many frames an image has; it is taken to be 128"
        )
    params: dict[str, Any] = {
        "features": "mfcc",
        "num_audio_features": n_mfcc,
        "sample_rate": sample_rate,
        "n_fft": reader.value(place, section, "n_fft", int, 2 ** math.ceil(math.log2(win_length))),
        "win_length": win_length,
        "hop_length": hop_length,
        "audio_length": reader.value("crop_or_pad_augment/", crop, "audio_length", int, 128),
        "frame_padding": "reflect",
    }
    if n_mels != n_mfcc:
        params["num_mels"] = n_mels
    if low := reader.value(place, section, "lowfreq", float, 0.0):
        params["fmin"] = low
    if section.get("highfreq") is not None:
        params["fmax"] = reader.value(place, section, "highfreq", float)
    return params


def _augmentation(reader: Reader) -> dict[str, Any]:
    """Return how clips were changed in training, as far as the archive says it and there is the
    same here.
    """
    place = "train_ds/augmentor/"
    shift, noise = (
        _part(reader.section("train_ds").get("augmentor"), key) for key in ("shift", "white_noise")
    )
    params: dict[str, Any] = {
        "time_shift_ms": reader.value(f"{place}shift/", shift, "max_shift_ms", float, 0.0),
        "pitch_shift": 0.0,
        "time_stretch": 0.0,
        "noise_level_max": None,
    }
    if noise:
        params["noise_level_min"] = reader.value(
            f"{place}white_noise/", noise, "min_level", float, -90.0
        )
        params["noise_level_max"] = reader.value(
            f"{place}white_noise/", noise, "max_level", float, -46.0
        )
    masks = reader.section("spec_augment")
    return params | {
        ours: reader.value("spec_augment/", masks, key, int)
        for key, ours in _MASKS.items()
        if key in masks
    }


def _part(section: Any, key: str) -> dict[str, Any]:
    part = section.get(key) if isinstance(section, dict) else None
    return part if isinstance(part, dict) else {}
