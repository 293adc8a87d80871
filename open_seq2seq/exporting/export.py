"""A trained model to files, all of which have been tried, or to none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.problems import checked
from open_seq2seq.errors import UserError, counted
from open_seq2seq.exporting import clips as clip_sets
from open_seq2seq.exporting import web_runtime
from open_seq2seq.exporting.clips import ClipSet
from open_seq2seq.exporting.description import describe
from open_seq2seq.exporting.graph import count_samples
from open_seq2seq.exporting.microcontroller.export import MicrocontrollerExport
from open_seq2seq.exporting.report import Report
from open_seq2seq.exporting.trial import Trial, check_runtime, run_trial
from open_seq2seq.exporting.web_runtime import WebRuntime
from open_seq2seq.exporting.whole_clips import WholeClipExport
from open_seq2seq.pretrained.model import PretrainedModel, from_pretrained
from open_seq2seq.system.files import is_vacant, written_aside

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
    n_samples = count_samples(model.data_layer, params.export_clip_s)
    tried, calibration = _clips(model, params, n_samples)
    exporters = _exporters(model, params, n_samples, tried, calibration, runtime)
    report = Report(
        folder,
        describe(model, params, n_samples),
        f"{counted(len(tried.waveforms), 'clip')}: {tried.source}",
        calibration and f"{counted(len(calibration.waveforms), 'clip')}: {calibration.source}",
        [],
    )
    try:
        with written_aside(folder) as partial:
            partial.mkdir(parents=True)
            for format, number in params.pairs:
                logger.info(f"export: {format}, {number} ...")
                exporter = exporters[format]
                path = exporter.write(format, number, report.description, partial)
                trial = run_trial(
                    format, path, exporter.inputs, exporter.expected, exporter.classes
                )
                if problem := trial.problem(number):
                    raise UserError(
                        f"{trial.file}: {problem}; nothing is exported{exporter.advice(number)}"
                    )
                if doubt := trial.doubt():
                    logger.warning(f"export: {trial.file}: {doubt}")
                exporter.finish(path, trial, report.description)
                report.trials.append(trial)
            report.write(partial)
    except OSError as error:
        raise UserError(
            f"export_dir: cannot write {folder} ({error.strerror or error}); name another folder"
        ) from None
    return report


class Exporter(Protocol):
    """Writes files of a model, and knows on what they are tried."""

    @property
    def inputs(self) -> np.ndarray:
        """Of the files, [clips, ...]."""

    @property
    def expected(self) -> np.ndarray:
        """Probabilities that they should give, [clips, labels]."""

    @property
    def classes(self) -> np.ndarray | None:
        """Labels of the clips, -1 where unknown; None: none is known."""

    def write(self, format: str, number: str, description: dict[str, Any], folder: Path) -> Path:
        """Write a file and return its path."""

    def advice(self, number: str) -> str:
        """Return what may help where a file is not good enough; may be empty."""

    def finish(self, path: Path, trial: Trial, description: dict[str, Any]) -> None:
        """Write what goes along with a file that is good."""


def _exporters(
    model: PretrainedModel,
    params: ExportParams,
    n_samples: int,
    tried: ClipSet,
    calibration: ClipSet | None,
    runtime: WebRuntime | None,
) -> dict[str, Exporter]:
    """Return what writes each of the formats."""
    exporters: dict[str, Exporter] = {}
    for format in params.export_format:
        if format == "tflite_micro":
            assert calibration is not None
            exporters[format] = MicrocontrollerExport(model, params, n_samples, tried, calibration)
    whole = WholeClipExport(model, params, n_samples, tried, calibration, runtime)
    return {format: exporters.get(format, whole) for format in params.export_format}


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


def export_named(model: Any, params: dict[str, Any]) -> Report:
    """Export a model that is loaded, or that is named as for `from_pretrained`."""
    wanted = checked(ExportParams, params, "export")
    if not isinstance(model, PretrainedModel):
        model = from_pretrained(model)
    return export_model(model, wanted)
