"""A folder with a static page that listens in a browser: its files, the model and the runtime."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.exporting import onnx
from open_seq2seq.exporting.graph import ExportGraph
from open_seq2seq.exporting.web_runtime import WebRuntime

FOLDER = "web"
_RUNTIME = "runtime"
_PAGE = Path(__file__).parent / "web_page"


def write(
    folder: Path, graph: ExportGraph, description: dict[str, Any], runtime: WebRuntime
) -> None:
    """Write the page.

    Args:
        folder: is created.
        graph: takes waveforms.
        description: of the model, as `description.describe` returns it.
        runtime: what runs the model there.
    """
    (folder / _RUNTIME).mkdir(parents=True)
    for file in _PAGE.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for name, content in runtime.files.items():
        (folder / _RUNTIME / name).write_bytes(content)
    kind = {"number": "float32", "samples": "float32"}
    content = onnx.convert(graph, kind["samples"], json.dumps({**description, **kind}))
    (folder / "model.onnx").write_bytes(content)
    listening = {**description, **kind, **_events(description)}
    listening["runtime"] = f"onnxruntime-web {runtime.version}"
    text = json.dumps(listening, indent=2) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")


def how_to_serve(folder: Path) -> str:
    """Return the command that serves the page of an export to this computer."""
    return f"python -m http.server --bind 127.0.0.1 -d {shlex.quote(str(folder / FOLDER))}"


def _events(description: dict[str, Any]) -> dict[str, Any]:
    """Return how a stream is listened to, as `--mode=stream` does by default."""
    labels = description["labels"]
    calibrated = {
        name: value
        for name, value in description.get("detector", {}).items()
        if name in StreamParams.model_fields
    }
    params = StreamParams(**calibrated, thresholds=description["thresholds"])
    window_s = description["clip_samples"] / description["sample_rate"]
    return {
        "hop_s": min(params.hop_s, window_s),
        "smoothing": params.smoothing,
        "min_gap_s": params.min_gap_s,
        "thresholds": dict(zip(labels, params.thresholds_of(tuple(labels)), strict=True)),
    }
