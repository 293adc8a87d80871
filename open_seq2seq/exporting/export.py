"""A trained model to files, all of which have been tried, or to none."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from open_seq2seq.components import part_of
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.problems import find_problems
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError, counted, listed
from open_seq2seq.exporting import clips as clip_sets
from open_seq2seq.exporting import litert, web, web_runtime
from open_seq2seq.exporting.clips import ClipSet
from open_seq2seq.exporting.description import describe
from open_seq2seq.exporting.graph import ExportGraph, count_samples
from open_seq2seq.exporting.report import Report
from open_seq2seq.exporting.trial import check_runtime, run_trial
from open_seq2seq.pretrained.model import PretrainedModel, from_pretrained
from open_seq2seq.system.files import is_vacant, written_aside

_ASSETS = "assets.extra"  # of a SavedModel: what TensorFlow leaves alone
_DESCRIPTION = "open_seq2seq.json"

logger = logging.getLogger(__name__)


def export_model(model: PretrainedModel, params: ExportParams) -> Report:
    """Write a model's files, and run each by its own runtime.

    Args:
        model: what is exported; its ``manifests`` name the clips that it was trained on.
        params: what is asked for.

    Returns:
        what was made, with size, speed and accuracy of each file.

    Raises:
        UserError: something asked for is impossible here, or a file is not as good as the
            checkpoint. Nothing is left behind then.
    """
    folder = _check_folder(params)
    for format in params.export_format:
        check_runtime(format)
    runtime = None
    if "web" in params.export_format:
        runtime = web_runtime.find(params.web_runtime, params.download)
    layer = model.data_layer
    n_samples = count_samples(layer, params.export_clip_s)
    tried, calibration = _clips(model, params, n_samples)
    graph = ExportGraph(
        model.network,
        part_of(layer, FrontEnd),
        n_samples,
        takes_waveforms=params.export_input == "waveform",
    )
    expected = model.probabilities(list(tried.waveforms))
    inputs = graph.inputs(tried.waveforms)
    report = Report(
        folder,
        describe(model, graph),
        f"{counted(len(inputs), 'clip')}: {tried.source}",
        calibration and f"{counted(len(calibration.waveforms), 'clip')}: {calibration.source}",
        [],
    )
    try:
        with written_aside(folder) as partial:
            partial.mkdir(parents=True)
            for format, number in params.pairs:
                logger.info(f"export: {format}, {number} ...")
                if runtime is not None and format == "web":
                    path = partial / web.FOLDER
                    web.write(path, graph, report.description, runtime)
                else:
                    path = _write(graph, report, format, number, params, calibration, partial)
                trial = run_trial(format, path, inputs, expected, tried.labels)
                if problem := trial.problem(number):
                    raise UserError(
                        f"{trial.file}: {problem}; nothing is exported"
                        + _advice(graph, number, params, calibration)
                    )
                report.trials.append(trial)
            report.write(partial)
    except OSError as error:
        raise UserError(
            f"export_dir: cannot write {folder} ({error.strerror or error}); name another folder"
        ) from None
    return report


def _check_folder(params: ExportParams) -> Path:
    if params.export_dir is None:
        raise UserError("export_dir: name the folder of the exported files, new or empty")
    folder = Path(params.export_dir)
    if not is_vacant(folder):
        raise UserError(f"export_dir: {folder} is not an empty folder; name another")
    return folder


def _clips(
    model: PretrainedModel, params: ExportParams, n_samples: int
) -> tuple[ClipSet, ClipSet | None]:
    """Return the clips to try the files on, and those for calibration if it is needed.

    Raises:
        UserError: calibration is needed, and there are no clips for it.
    """
    layer, labels = model.data_layer, model.labels
    paths = {"train": params.export_files, "eval": params.export_files}
    if not params.export_files:
        paths = {
            section: [path for path in model.manifests.get(section, ()) if Path(path).is_file()]
            for section in paths
        }
    tried = clip_sets.generated(n_samples, layer.sample_rate)
    if paths["eval"]:
        tried = clip_sets.from_paths(paths["eval"], labels, layer, n_samples, params.check_clips)
    else:
        logger.warning(
            "export: the run's validation clips are not here; files are compared with the "
            "checkpoint on generated sound, and their accuracy is not known"
        )
    if not params.is_quantized:
        return tried, None
    if not paths["train"] or not paths["eval"]:
        raise UserError(
            "export_dtype: small integers need clips to calibrate them, and the run's manifests "
            "are not here; name a folder of clips or a manifest with --export_files"
        )
    most = params.calibration_clips
    return tried, clip_sets.from_paths(paths["train"], labels, layer, n_samples, most)


def _write(
    graph: ExportGraph,
    report: Report,
    format: str,
    number: str,
    params: ExportParams,
    calibration: ClipSet | None,
    folder: Path,
) -> Path:
    samples = params.samples_of(number)
    kind = {"number": number}
    if graph.takes_waveforms:
        kind["samples"] = samples
    description = json.dumps({**report.description, **kind})
    if format == "saved_model":
        path = folder / "saved_model"
        graph.save(path, batch_size=None, samples=samples)
        (path / _ASSETS).mkdir()
        (path / _ASSETS / _DESCRIPTION).write_text(description, encoding="utf-8")
        return path
    if format == "onnx":
        from open_seq2seq.exporting import onnx

        path = folder / f"model-{number}.onnx"
        path.write_bytes(onnx.convert(graph, description))
        return path
    inputs = None
    if number.startswith("int") and calibration is not None:
        inputs = graph.inputs(calibration.waveforms, samples)
    content = litert.convert(graph, number, samples, inputs)
    path = folder / f"model-{number}.tflite"
    path.write_bytes(litert.describe(content, description))
    if litert.lost_weights(content):
        raise UserError(f"{path.name}: the converter has lost the weights; nothing is exported")
    return path


def _advice(
    graph: ExportGraph, number: str, params: ExportParams, calibration: ClipSet | None
) -> str:
    """Return what may help a network that loses too much in integers, and which layers lose it."""
    if not number.startswith("int") or calibration is None:
        return ""
    samples = params.samples_of(number)
    layers = litert.worst_layers(graph, samples, graph.inputs(calibration.waveforms, samples))
    return (
        ". Scales are of each channel already; try more --calibration_clips, float16, or "
        "int16x8 with --export_input=features. Layers that lose most, with the error of their "
        f"outputs in steps of 8 bits (0.3 is rounding alone):{listed(layers)}"
    )


def export_named(model: Any, params: dict[str, Any]) -> Report:
    """Export a model that is loaded, or that is named as for `from_pretrained`."""
    problems = find_problems(ExportParams, params, "export")
    if problems:
        raise UserError("; ".join(problems))
    if not isinstance(model, PretrainedModel):
        model = from_pretrained(model)
    return export_model(model, ExportParams(**params))
