"""What travels with an exported model: in its file, and as a model card beside it."""

from __future__ import annotations

import hashlib
from typing import Any

import open_seq2seq
from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.pretrained.model import PretrainedModel

_THRESHOLD = 0.5


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
        inputs = {"name": "features", "shape": [params.micro_frames, n_features]}
    elif params.export_input == "features":
        inputs = {"name": "features", "shape": [n_frames, n_features]}
    return {
        "labels": list(model.labels),
        "sample_rate": front_end["sample_rate"],
        "clip_samples": n_samples,
        "input": inputs,
        "output": {"name": "probabilities", "shape": [len(model.labels)]},
        "output_kind": model.outputs,
        "thresholds": dict.fromkeys(model.labels, _THRESHOLD),
        "front_end": front_end,
        "weights_sha256": weights_sha256(model),
        "checkpoint_step": model.step,
        "open_seq2seq": open_seq2seq.__version__,
    }


def weights_sha256(model: PretrainedModel) -> str:
    """Return the SHA-256 of the network's weights: their names and bytes, in the order of names."""
    digest = hashlib.sha256()
    for variable in sorted(model.network.variables, key=lambda each: each.path):
        digest.update(variable.path.encode())
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()
