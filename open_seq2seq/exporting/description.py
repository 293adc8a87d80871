"""What travels with an exported model: in its file, and as a model card beside it."""

from __future__ import annotations

import hashlib
from typing import Any

import open_seq2seq
from open_seq2seq.exporting.graph import ExportGraph
from open_seq2seq.pretrained.model import PretrainedModel

_THRESHOLD = 0.5


def describe(model: PretrainedModel, graph: ExportGraph) -> dict[str, Any]:
    """Return what a program must know to use the file, in JSON's types."""
    front_end = model.data_layer.in_effect()
    inputs: dict[str, Any] = {"name": "features", "shape": list(graph.front_end.image_shape)}
    if graph.takes_waveforms:
        inputs = {"name": "waveform", "shape": [graph.n_samples]}
    return {
        "labels": list(model.labels),
        "sample_rate": front_end["sample_rate"],
        "clip_samples": graph.n_samples,
        "input": inputs,
        "output": {"name": "probabilities", "shape": [len(model.labels)]},
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
