"""What a file for microcontrollers says of a stream, to measure it as the device would hear."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.description import weights_sha256
from open_seq2seq.exporting.microcontroller.export import FILE
from open_seq2seq.exporting.report import CARD
from open_seq2seq.exporting.trial import check_runtime
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.front_end import StreamFrontEnd
from open_seq2seq.streaming.windows import Scores

_LOWEST, _HIGHEST = -128, 127  # of int8

logger = logging.getLogger(__name__)


class MicroScorer:
    """Frames of a stream as int8 into the file, and its outputs as probabilities.

    Attributes:
        window_s: seconds that an output pools.
        hop_s: seconds from one output to the next.
        delay_s: seconds after the end of a window that have to be heard for its probabilities.
    """

    def __init__(self, folder: Path, model: PretrainedModel) -> None:
        """Open the file.

        Args:
            folder: that --export_format=tflite_micro has made.
            model: that the file was made of.

        Raises:
            UserError: there is no such file, it was made of a model of other labels, or its
                runtime is not installed.
        """
        check_runtime("tflite_micro")
        card = _read_card(folder)
        device: dict[str, Any] = card["microcontroller"]
        missing = [name for name in card["labels"] if name not in model.labels]
        if missing:
            raise UserError(
                f"micro_dir: {folder} has the label {missing[0]!r}, which the model in logdir does "
                "not have; name a folder that was exported of it"
            )
        if card["weights_sha256"] != weights_sha256(model):
            logger.warning(f"micro_dir: {folder} was exported of another checkpoint of the model")
        self._columns = [model.labels.index(label) for label in device["labels"]]
        self._n_labels = len(model.labels)
        self._multipliers = np.array(device["feature_multipliers"], np.float32)
        self._offsets = np.array(device["feature_offsets"], np.float32)
        self._n_frames, self._n_warm_up = device["frames_per_call"], device["warm_up_calls"]
        self._n_pooled, self._look_ahead = device["pooled_frames"], device["look_ahead_frames"]
        front_end = part_of(model.data_layer, FrontEnd)
        self._hop, self._n_fft = front_end.hop_length, front_end.n_fft
        self.window_s = card["clip_samples"] / card["sample_rate"]
        self.hop_s = self._n_frames * self._hop / front_end.sample_rate
        self.delay_s = self._look_ahead * self._hop / front_end.sample_rate
        self._front_end = StreamFrontEnd(front_end, self._n_frames)
        self._content = (folder / FILE).read_bytes()
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._front_end.reset()
        self._n_calls = 0
        # a new interpreter: the past lies in variables, which nothing else sets to their beginning
        self._interpreter = Interpreter(
            model_content=self._content,
            # kernels of integers alone, as a device has them
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=1,
        )
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def push(self, samples: np.ndarray) -> Iterator[Scores]:
        """Take int16 samples and yield the windows that they complete."""
        for frames in self._front_end.push(samples):
            steps = np.rint(frames * self._multipliers + self._offsets)
            steps = np.clip(steps, _LOWEST, _HIGHEST).astype(np.int8)
            self._interpreter.set_tensor(self._input["index"], steps[None])
            self._interpreter.invoke()
            self._n_calls += 1
            if self._n_calls <= self._n_warm_up:
                continue
            last = self._n_calls * self._n_frames - 1 - self._look_ahead
            first = last - self._n_pooled + 1
            yield Scores(first * self._hop, last * self._hop + self._n_fft, self._probabilities())

    def _probabilities(self) -> np.ndarray:
        """Return the newest output, float32 [labels]; 0 for labels that the file does not tell."""
        scale, zero_point = self._output["quantization"]
        (output,) = self._interpreter.get_tensor(self._output["index"])
        probabilities: np.ndarray = np.zeros(self._n_labels, np.float32)
        probabilities[self._columns] = (output.astype(np.float32) - zero_point) * scale
        return probabilities


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        has_all = {"feature_multipliers", "pooled_frames"} <= card["microcontroller"].keys()
    except (OSError, ValueError, KeyError, TypeError):
        has_all = False
    if not has_all or not (folder / FILE).is_file():
        raise UserError(
            f"micro_dir: {folder} has no {FILE} with a {CARD} of this version; name a folder "
            "that --mode=export --export_format=tflite_micro has made"
        )
    return card
