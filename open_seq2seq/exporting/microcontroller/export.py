"""A trained model as a file for a microcontroller, with what its trial needs."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.features import count_frames
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.errors import UserError, named
from open_seq2seq.exporting.clips import ClipSet
from open_seq2seq.exporting.description import frames_per_call
from open_seq2seq.exporting.microcontroller.arena import estimate_arena
from open_seq2seq.exporting.microcontroller.operators import check_operators, operators_of
from open_seq2seq.exporting.microcontroller.scaling import FeatureScaling
from open_seq2seq.exporting.microcontroller.sources import (
    DeviceModel,
    c_header,
    esphome_manifest,
)
from open_seq2seq.exporting.microcontroller.tracks import Tracks
from open_seq2seq.exporting.trial import Trial
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.network import StreamNetwork, sigmoid

FILE = "model-micro.tflite"
_LARGEST_OUTPUT = 255 / 256  # of int8 and uint8 probabilities
_ESPHOME_FEATURES = (
    "micro_profile: ESPHome feeds 40 features of its own front end, with noise reduction and gain "
    "control, which this network was not trained on; run the file where you compute the features "
    "of the model card"
)

_LARGEST_WORD = (
    "micro_keyword: unknown's words are classes of their own; the file compares the keyword with "
    "the most probable of them, not with their sum, which needs operators that the runtime lacks"
)

logger = logging.getLogger(__name__)


class MicrocontrollerExport:
    """An `Exporter` of a network that hears a few frames at a time, in 8-bit integers."""

    def __init__(
        self,
        model: PretrainedModel,
        params: ExportParams,
        n_samples: int,
        tried: ClipSet,
        calibration: ClipSet,
    ) -> None:
        """Plan it.

        Args:
            model: what is exported.
            params: what is asked for.
            n_samples: of a clip.
            tried: clips that the file is tried on.
            calibration: clips for the integers.

        Raises:
            UserError: a microcontroller cannot hear so.
        """
        self._profile, self._n_frames = params.micro_profile, frames_per_call(model, params)
        if self._profile == "esphome":
            logger.warning(_ESPHOME_FEATURES)
        self._front_end = part_of(model.data_layer, FrontEnd)
        self._labels = model.labels
        self._keyword = _keyword(params, model.labels)
        self._network = network = _network(model)
        if self._keyword is not None and network.merged is not None:
            if self._keyword == network.merged.label:
                raise UserError(
                    f"micro_keyword: {params.micro_keyword} is {network.merged.n + 1} classes of "
                    "this model, expected a label that is one; name another"
                )
            logger.warning(_LARGEST_WORD)
        most = network.pooled_frames or self._front_end.audio_length
        n_pooled = min(count_frames(n_samples, self._front_end.hop_length), most)
        self._n_calls_pooled = -(-n_pooled // self._n_frames)
        self._n_pooled = self._n_calls_pooled * self._n_frames
        self._tracks = Tracks(
            self._front_end,
            n_before=network.field - 1 - network.look_ahead,
            n_pooled=self._n_pooled,
            n_after=network.look_ahead,
            n_frames=self._n_frames,
        )
        self._tried = tried
        self._calibration = self._tracks.features(calibration.waveforms)
        frames = self._calibration.reshape(-1, self._calibration.shape[-1])
        self._scaling = FeatureScaling.of(frames, is_shared=self._profile == "esphome")

    def write(self, format: str, number: str, description: dict[str, Any], folder: Path) -> Path:
        """Write the file and return its path.

        Raises:
            UserError: the runtime lacks an operator that it needs.
        """
        from open_seq2seq.exporting.microcontroller.convert import convert
        from open_seq2seq.exporting.microcontroller.graph import StreamLayer

        layer = StreamLayer(
            self._network,
            self._scaling,
            n_frames=self._n_frames,
            n_pooled=self._n_calls_pooled,
            label=self._keyword,
        )
        output = "uint8" if self._profile == "esphome" else "int8"
        calls = self._scaling(self._calibration)
        content = convert(layer, calls, self._n_frames, output=output)
        check_operators(content, self._profile, len(layer.variables))
        path = folder / FILE
        path.write_bytes(content)
        return path

    @cached_property
    def inputs(self) -> np.ndarray:
        """Scaled frames of each clip's track, [clips, frames, features]."""
        return self._scaling(self._frames)

    @cached_property
    def expected(self) -> np.ndarray:
        """Probabilities of the same network in floats, [clips, labels]; of a keyword [clips, 1]."""
        outputs = []
        for frames in self._frames:
            self._network.reset()
            hidden = self._network(frames)[-self._n_pooled :].T[None]
            if self._keyword is None:
                (output,) = self._network.probabilities(hidden)
            else:
                (logits,) = self._network.logits(hidden)
                output = logits[[self._keyword]]
                if self._network.outputs == "softmax":
                    output = output - np.delete(logits, self._keyword).max()
                output = sigmoid(output)
            outputs.append(output)
        return np.stack(outputs)

    @property
    def classes(self) -> np.ndarray | None:
        """Labels of the clips; of a single keyword, whether it is said."""
        labels = self._tried.labels
        if labels is None or self._keyword is None:
            return labels
        return np.where(labels < 0, -1, labels == self._keyword)

    @cached_property
    def _frames(self) -> np.ndarray:
        return self._tracks.features(self._tried.waveforms)

    def advice(self, number: str) -> str:
        """Return what may help where the file is not good enough."""
        return ". Scales are of each channel already; try more --calibration_clips"

    def finish(self, path: Path, trial: Trial, description: dict[str, Any]) -> None:
        """Write what the device's program needs, beside the file."""
        device = self._device_model(path, trial, description)
        path.with_suffix(".h").write_text(c_header(device), encoding="utf-8")
        if self._profile == "esphome":
            manifest = esphome_manifest(device, path.name)
            path.with_suffix(".json").write_text(manifest, encoding="utf-8")
        description["microcontroller"] = {
            "profile": self._profile,
            "labels": list(device.labels),
            "frames_per_call": device.n_frames,
            "warm_up_calls": device.n_warm_up,
            "pooled_frames": self._n_pooled,
            "look_ahead_frames": self._network.look_ahead,
            "feature_multipliers": device.multipliers.tolist(),
            "feature_offsets": device.offsets.tolist(),
            "arena_bytes": device.arena_bytes,
            "is_arena_measured": device.is_arena_measured,
            "operators": list(device.operators),
        }

    def _device_model(self, path: Path, trial: Trial, description: dict[str, Any]) -> DeviceModel:
        content = path.read_bytes()
        labels = self._labels
        if self._keyword is not None:
            labels = (self._labels[self._keyword],)
        scale, zero_point = _input_quantization(content)
        multipliers = 1.0 / (self._scaling.half * scale)
        p = self._front_end
        return DeviceModel(
            content=content,
            labels=labels,
            thresholds=_reachable({label: description["thresholds"][label] for label in labels}),
            arena_bytes=trial.arena_bytes or estimate_arena(content),
            is_arena_measured=trial.arena_bytes is not None,
            operators=tuple(operators_of(content)),
            sample_rate=p.sample_rate,
            window_length=p.window_length,
            n_fft=p.n_fft,
            hop_length=p.hop_length,
            features=p.features,
            n_features=p.num_audio_features,
            n_frames=self._n_frames,
            n_warm_up=self._tracks.n_frames // self._n_frames - 1,
            multipliers=multipliers,
            offsets=zero_point - self._scaling.middle * multipliers,
            averaging=_averaging(description),
        )


def _network(model: PretrainedModel) -> StreamNetwork:
    try:
        if not isinstance(model.encoder, TDNNEncoder):
            raise ValueError(
                "a TDNNEncoder with a PooledDecoder is needed, as in speech_commands/micro, not "
                f"{type(model.encoder).__name__}"
            )
        network = StreamNetwork(model)
        if network.pools_maximum:
            raise ValueError("the decoder must pool the mean")
        if model.encoder.activation_fn != "relu":
            raise ValueError(f"activation_fn must be 'relu', not {model.encoder.activation_fn!r}")
    except ValueError as error:
        raise UserError(
            f"export_format: tflite_micro hears each frame once: {error}. Take tflite instead"
        ) from None
    return network


def _keyword(params: ExportParams, labels: tuple[str, ...]) -> int | None:
    """Return the index of the only label that is told, None if all are.

    Raises:
        UserError: it must be named, or there is no such label.
    """
    keyword = params.micro_keyword
    if keyword is None:
        if params.micro_profile != "esphome":
            return None
        keywords = [label for label in labels if label not in (UNKNOWN, SILENCE)]
        if len(keywords) > 1:
            raise UserError(
                "micro_keyword: ESPHome hears one keyword with each model; name one of "
                f"{', '.join(keywords)}"
            )
        keyword = keywords[0]
    if keyword not in labels:
        raise UserError(
            f"micro_keyword: the model has no label {keyword!r}; its labels are {', '.join(labels)}"
        )
    return labels.index(keyword)


def _reachable(thresholds: dict[str, float]) -> tuple[float, ...]:
    """Return thresholds that 8-bit outputs can reach, and warn of those that are lowered."""
    lowered = [label for label, threshold in thresholds.items() if threshold > _LARGEST_OUTPUT]
    if lowered:
        logger.warning(
            f"export: the largest output of 8 bits is {_LARGEST_OUTPUT:.4f}; the thresholds of "
            f"{named(lowered)} are above it and lowered to it, which lets more false accepts pass"
        )
    return tuple(min(threshold, _LARGEST_OUTPUT) for threshold in thresholds.values())


def _averaging(description: dict[str, Any]) -> str:
    detector = description.get("detector")
    if detector is None:
        return ""
    return f"of averages of {detector['smoothing']} outputs, {detector['hop_s']:g} s apart"


def _input_quantization(content: bytes) -> tuple[float, int]:
    from ai_edge_litert.interpreter import Interpreter

    (details,) = Interpreter(model_content=content).get_input_details()
    scale, zero_point = details["quantization"]
    return scale, zero_point
