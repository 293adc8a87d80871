"""``--mode=infer``: labels for audio files, folders, manifests, and standard input."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError, counted
from open_seq2seq.inference import recordings_of, write_predictions
from open_seq2seq.inference.outputs import as_line
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.opening import open_model
from open_seq2seq.network import build_for_run
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.storage import variables
from open_seq2seq.storage.calibrations import read_calibration
from open_seq2seq.storage.compatibility import check_front_end, check_labels, check_outputs
from open_seq2seq.storage.logdir import load_checkpoint
from open_seq2seq.storage.progress import RunInfo
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.system.outputs import check_output

logger = logging.getLogger(__name__)


def infer(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Label recordings and return the exit status."""
    if distributed.launched_rank() != 0:
        return 0
    output, params = options.infer_output_file, options.inference
    if output is not None:
        check_output(output, "--infer_output_file")
    if isinstance(run, TrainedRun):
        paths, batch_size = list(options.clips), run.batch_size_per_gpu
        if not paths:
            raise UserError("nothing to infer: name audio files, folders or manifests")
        model = open_model(run)
    else:
        model, paths = _of_config(run, options)
        batch_size = run.params.eval_batch_size
    recordings = model.open(recordings_of(paths), params)
    predictions = model.label(recordings, batch_size, params)
    if output is not None:
        predictions = write_predictions(output, model.labels, predictions, params.top_k)

    started, n_pieces = time.monotonic(), 0
    with contextlib.closing(reporter):
        reporter.start_bar(len(recordings), unit="clip")
        for prediction in predictions:
            logger.info(as_line(prediction, with_times=recordings.windows is not None))
            n_pieces += 1
            reporter.move_bar(n_pieces, _speed(n_pieces, started))
    for path, what in recordings.converted.items():
        logger.info(f"{path}: was converted from {what}")
    for path, reason in recordings.skipped.items():
        logger.warning(f"{path}: skipped, {reason}")
    logger.info(f"{counted(n_pieces, 'label')}, {_speed(n_pieces, started)}")
    return 0


def _of_config(config: Config, options: RunOptions) -> tuple[PretrainedModel, list[str]]:
    """Return the model of a config's logdir, and the paths of what it is to label."""
    p, layer = config.params, config.data_layers["infer"]
    checkpoint = load_checkpoint(Path(p.logdir), best=p.restore_best_checkpoint)
    check_front_end(checkpoint.info, layer, f"logdir: {p.logdir}", p.changed_front_end)
    check_outputs(checkpoint.info, config.decoder, f"logdir: {p.logdir}")
    paths = list(options.clips) or _paths_in_manifests(config, checkpoint.info)
    info = checkpoint.info
    network = build_for_run(config, Workers(), "infer", len(info.labels), info.merged)
    variables.assign(network.variables, checkpoint.model, "model")
    parts = {
        "encoder": config.encoder,
        "decoder": config.decoder,
        "calibration": read_calibration(Path(p.logdir)),
    }
    return PretrainedModel(network, layer, info.labels, checkpoint, **parts), paths


def _paths_in_manifests(config: Config, info: RunInfo) -> list[str]:
    layer = config.data_layers["infer"]
    if not layer.dataset_files:
        raise UserError(
            "nothing to infer: name audio files, folders or manifests on the command line, or "
            "manifests with infer_params/data_layer_params/dataset_files"
        )
    if layer.labels_file is not None or layer.labels_path.is_file():
        check_labels(info, layer.read_labels(), f"logdir: {config.params.logdir}")
    return list(layer.read_rows(None)["path"])


def _speed(n_pieces: int, started: float) -> str:
    return f"{n_pieces / max(1e-9, time.monotonic() - started):,.0f} clips/s"
