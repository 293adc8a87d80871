"""Files that take a whole clip: SavedModel, LiteRT, ONNX, and a page with an ONNX file."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError, listed
from open_seq2seq.exporting import litert, web
from open_seq2seq.exporting.clips import ClipSet
from open_seq2seq.exporting.graph import ExportGraph
from open_seq2seq.exporting.trial import Trial
from open_seq2seq.exporting.web_runtime import WebRuntime
from open_seq2seq.pretrained.model import PretrainedModel

_ASSETS = "assets.extra"  # of a SavedModel: what TensorFlow leaves alone
_DESCRIPTION = "open_seq2seq.json"


class WholeClipExport:
    """An `Exporter` of a network that hears a clip at a time, with or without its front end."""

    def __init__(
        self,
        model: PretrainedModel,
        params: ExportParams,
        n_samples: int,
        tried: ClipSet,
        calibration: ClipSet | None,
        runtime: WebRuntime | None = None,
    ) -> None:
        """Plan it.

        Args:
            model: what is exported.
            params: what is asked for.
            n_samples: of a clip.
            tried: clips that the files are tried on.
            calibration: clips for integers, None if there are none.
            runtime: of a page, if there is to be one.
        """
        self._model, self._params = model, params
        self._tried, self._calibration, self._runtime = tried, calibration, runtime
        takes_waveforms = params.export_input == "waveform"
        front_end = part_of(model.data_layer, FrontEnd)
        self._graph = ExportGraph(
            model.network,
            front_end,
            n_samples,
            takes_waveforms=takes_waveforms,
            outputs=model.outputs,
        )
        self._litert = litert.LiteRTConverter(self._graph)
        self.classes = tried.labels

    @cached_property
    def inputs(self) -> np.ndarray:
        """Of the files: int16 waveforms [clips, samples], or features."""
        return self._graph.inputs(self._tried.waveforms)

    @cached_property
    def expected(self) -> np.ndarray:
        """Probabilities of the checkpoint, [clips, labels]."""
        return self._model.probabilities(list(self._tried.waveforms))

    def write(self, format: str, number: str, description: dict[str, Any], folder: Path) -> Path:
        """Write a file and return its path.

        Raises:
            UserError: the converter has lost the weights.
        """
        if format == "web":
            assert self._runtime is not None
            path = folder / web.FOLDER
            web.write(path, self._graph, description, self._runtime)
            return path
        samples = self._params.samples_of(number)
        kind = {"number": number}
        if self._graph.takes_waveforms:
            kind["samples"] = samples
        text = json.dumps({**description, **kind})
        if format == "saved_model":
            path = folder / "saved_model"
            self._graph.save(path, batch_size=None, samples=samples)
            (path / _ASSETS).mkdir()
            (path / _ASSETS / _DESCRIPTION).write_text(text, encoding="utf-8")
            return path
        if format == "onnx":
            from open_seq2seq.exporting import onnx

            path = folder / f"model-{number}.onnx"
            path.write_bytes(onnx.convert(self._graph, samples, text))
            return path
        inputs = None
        if number.startswith("int") and self._calibration is not None:
            inputs = self._graph.inputs(self._calibration.waveforms, samples)
        content = self._litert.convert(number, samples, inputs)
        path = folder / f"model-{number}.tflite"
        path.write_bytes(litert.describe(content, text))
        if litert.lost_weights(content):
            raise UserError(f"{path.name}: the converter has lost the weights; nothing is exported")
        return path

    def advice(self, number: str) -> str:
        """Return which layers lose most in integers, and what may help; empty for floats."""
        if not number.startswith("int") or self._calibration is None:
            return ""
        samples = self._params.samples_of(number)
        inputs = self._graph.inputs(self._calibration.waveforms, samples)
        layers = self._litert.worst_layers(samples, inputs)
        return (
            ". Scales are of each channel already; try more --calibration_clips, float16, or "
            "int16x8 with --export_input=features. Layers that lose most, with the error of their "
            f"outputs in steps of 8 bits (0.3 is rounding alone):{listed(layers)}"
        )

    def finish(self, path: Path, trial: Trial, description: dict[str, Any]) -> None:
        """Do nothing: all that goes along is in the file."""
