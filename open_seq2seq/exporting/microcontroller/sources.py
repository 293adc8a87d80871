"""What a microcontroller's program needs beside the file: a C header, or ESPHome's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

_BYTES_A_LINE = 16
# read by nobody but the C compiler, which takes any byte in this form
_ESCAPED = {*range(32), ord('"'), ord("\\"), ord("?"), *range(127, 256)}


class DeviceModel(NamedTuple):
    """A file for a microcontroller, and how it is to be used."""

    content: bytes
    labels: tuple[str, ...]  # of the outputs
    thresholds: tuple[float, ...]
    arena_bytes: int
    is_arena_measured: bool
    operators: tuple[str, ...]
    sample_rate: int
    window_length: int  # samples
    n_fft: int
    hop_length: int
    features: str  # kind
    n_features: int
    n_frames: int  # that it takes at a time
    n_warm_up: int  # calls whose outputs mean nothing
    multipliers: np.ndarray  # float32 [features]: int8 = round(feature * multiplier + offset)
    offsets: np.ndarray  # float32 [features]
    averaging: str = ""  # of what the thresholds are, in words


def c_header(model: DeviceModel) -> str:
    """Return a header for C and C++ with everything in it."""
    measured = "measured on a 64-bit machine" if model.is_arena_measured else "estimated"
    parts = [
        "/* A network for keywords in a stream, for TensorFlow Lite Micro.",
        "   See model_card.md. Each call takes KWS_FRAMES_PER_CALL frames of features as int8 and",
        "   gives a probability for each label; the past is kept in variables. The first",
        "   KWS_WARM_UP_CALLS outputs after a reset mean nothing.",
        f"   Operators: {', '.join(model.operators)}. */",
        "#ifndef KWS_MODEL_H",
        "#define KWS_MODEL_H",
        "",
        f"#define KWS_SAMPLE_RATE {model.sample_rate}",
        f"#define KWS_WINDOW_LENGTH {model.window_length} /* samples, centered in KWS_N_FFT */",
        f"#define KWS_N_FFT {model.n_fft}",
        f"#define KWS_HOP_LENGTH {model.hop_length}",
        f"#define KWS_N_FEATURES {model.n_features} /* {model.features} */",
        f"#define KWS_FRAMES_PER_CALL {model.n_frames}",
        f"#define KWS_WARM_UP_CALLS {model.n_warm_up}",
        f"#define KWS_N_LABELS {len(model.labels)}",
        f"#define KWS_ARENA_BYTES {model.arena_bytes} /* {measured} */",
        "",
        f"static const char *const kws_labels[] = {{{', '.join(map(_c_text, model.labels))}}};",
        *([f"/* thresholds {model.averaging} */"] if model.averaging else []),
        _c_floats("kws_thresholds", model.thresholds),
        "/* int8 = min(127, max(-128, round(feature * multiplier + offset))) */",
        _c_floats("kws_feature_multipliers", model.multipliers),
        _c_floats("kws_feature_offsets", model.offsets),
        "",
        "#ifdef __cplusplus",
        "alignas(16)",
        "#else",
        "_Alignas(16)",
        "#endif",
        f"static const unsigned char kws_model[{len(model.content)}] = {{",
        *_c_bytes(model.content),
        "};",
        "",
        "#endif",
    ]
    return "\n".join(parts) + "\n"


def esphome_manifest(model: DeviceModel, file: str) -> str:
    """Return a manifest of the second version, as ESPHome's micro_wake_word reads it."""
    (label,), (threshold,) = model.labels, model.thresholds
    manifest: dict[str, Any] = {
        "type": "micro",
        "wake_word": label,
        "author": "",
        "model": file,
        "trained_languages": [],
        "version": 2,
        "micro": {
            "probability_cutoff": threshold,
            "feature_step_size": round(1000 * model.hop_length / model.sample_rate),
            "sliding_window_size": 5,
            "tensor_arena_size": model.arena_bytes,
            "minimum_esphome_version": "2024.7.0",
        },
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _c_text(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return '"' + "".join(f"\\{b:03o}" if b in _ESCAPED else chr(b) for b in data) + '"'


def _c_floats(name: str, values: Iterable[float]) -> str:
    numbers = ", ".join(f"{np.float32(value):.9e}f" for value in values)
    return f"static const float {name}[] = {{{numbers}}};"


def _c_bytes(content: bytes) -> Iterable[str]:
    for start in range(0, len(content), _BYTES_A_LINE):
        line = content[start : start + _BYTES_A_LINE]
        yield "  " + ", ".join(f"0x{byte:02x}" for byte in line) + ","
