"""What travels with an exported model: in its file, and as a model card beside it."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import open_seq2seq
from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.settings import settings_of

# what a detector must do besides, to be as it was calibrated
_OF_DETECTOR = ("method", "window_s", "hop_s", "smoothing", "min_gap_s", "quiet_labels")

_FRAMES_PER_CALL = 3  # of a microcontroller, where nothing was calibrated

logger = logging.getLogger(__name__)


def describe(model: PretrainedModel, params: ExportParams, n_samples: int) -> dict[str, Any]:
    """Return what a program must know to use the files, in JSON's types.

    Args:
        model: that is exported.
        params: what is asked for.
        n_samples: of a clip.
    """
    front_end = model.data_layer.in_effect()
    n_frames, n_features = part_of(model.data_layer, FrontEnd).image_shape
    inputs: dict[str, Any] = {"name": "waveform", "shape": [n_samples]}
    if set(params.export_format) == {"tflite_micro"}:
        inputs = {"name": "features", "shape": [frames_per_call(model, params), n_features]}
    elif params.export_input == "features":
        inputs = {"name": "features", "shape": [n_frames, n_features]}
    settings = settings_of(model, StreamParams())
    thresholds = settings.thresholds_of(model.labels)
    description: dict[str, Any] = {
        "labels": list(model.labels),
        "sample_rate": front_end["sample_rate"],
        "clip_samples": n_samples,
        "input": inputs,
        "output": {"name": "probabilities", "shape": [len(model.labels)]},
        "output_kind": model.outputs,
        "thresholds": {
            label: settings.threshold if threshold is None else threshold
            for label, threshold in zip(model.labels, thresholds, strict=True)
        },
        "front_end": front_end,
        "weights_sha256": weights_sha256(model),
        "checkpoint_step": model.step,
        "open_seq2seq": open_seq2seq.__version__,
    }
    if model.calibration is not None:
        description["detector"] = {name: getattr(settings, name) for name in _OF_DETECTOR} | {
            "false_accepts_per_hour": model.calibration.false_accepts_per_hour
        }
        _check_hearing(settings, params, n_samples / front_end["sample_rate"])
        frame_s = front_end["hop_length"] / front_end["sample_rate"]
        _check_calls(settings, params, frame_s)
    return description


def frames_per_call(model: PretrainedModel, params: ExportParams) -> int:
    """Return how many frames a file for microcontrollers takes at a time."""
    if params.micro_frames is not None:
        return params.micro_frames
    if model.calibration is None or model.calibration.stream.method != "incremental":
        return _FRAMES_PER_CALL
    front_end = model.data_layer
    hop = model.calibration.stream.hop_s * front_end.sample_rate
    return max(1, round(hop / front_end.hop_length))


def _check_calls(settings: StreamParams, params: ExportParams, frame_s: float) -> None:
    """Warn where the averages of a microcontroller are of outputs at other times."""
    if params.micro_frames is None or "tflite_micro" not in params.export_format:
        return
    call_s = params.micro_frames * frame_s
    if abs(call_s - settings.hop_s) > frame_s / 2:
        logger.warning(
            f"export: micro_frames={params.micro_frames} gives an output every {call_s:g} s, and "
            f"the thresholds were calibrated for hop_s={settings.hop_s:g}; leave micro_frames out, "
            f"or calibrate with --hop_s={call_s:g}"
        )


def _check_hearing(settings: StreamParams, params: ExportParams, clip_s: float) -> None:
    """Warn where files do not hear as the thresholds were calibrated."""
    for format in dict.fromkeys(params.export_format):
        method = "incremental" if format == "tflite_micro" else "windows"
        if settings.method != method or abs(settings.window_s - clip_s) > 1e-6:
            logger.warning(
                f"export: {format} hears with method={method} and windows of {clip_s:g} s, and the "
                f"thresholds were calibrated for method={settings.method} and "
                f"{settings.window_s:g} s; calibrate as it hears"
            )


def weights_sha256(model: PretrainedModel) -> str:
    """Return the SHA-256 of the network's weights: their names and bytes, in the order of names."""
    digest = hashlib.sha256()
    for variable in sorted(model.network.variables, key=lambda each: each.path):
        digest.update(variable.path.encode())
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()
