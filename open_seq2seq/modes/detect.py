"""``--mode=detect``: recall and false accepts of a detector on tracks, and its calibration."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.detection import calibrate, det_curves, hear, measure_heard, open_corpora
from open_seq2seq.detection.advice import refuse
from open_seq2seq.detection.corpora import Corpus
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.hearing import sound_s
from open_seq2seq.detection.measuring import Measurement, keywords_of
from open_seq2seq.detection.report import lines_of
from open_seq2seq.detection.results import check_folder, write_results
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.microcontroller.scorer import MicroScorer
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.opening import open_model
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.storage.calibrations import check_writable, logdir_of, write_calibration
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.streaming.settings import settings_of

_FOLDER = "detection"

logger = logging.getLogger(__name__)


def detect(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Measure, calibrate if that is asked for, and return the exit status."""
    if distributed.launched_rank() != 0:
        return 0
    params = options.detect
    if not options.clips and not params.calibrate:
        raise UserError(
            "nothing to measure on: name folders of recordings, each with a list NAME.csv of what "
            "is said when, or without where nothing is a keyword"
        )
    logdir = logdir_of(Path(run.logdir if isinstance(run, TrainedRun) else run.params.logdir))
    measured, own = open_corpora(options.clips), open_corpora(params.calibrate)
    _tell_overlap(measured, own)
    model = open_model(run)
    scorer: MicroScorer | None = None
    if params.micro_dir is not None:
        scorer = MicroScorer(Path(params.micro_dir), model)
        params = _as_it_hears(scorer, params)
    settings = params.stream if own else settings_of(model, params)
    keywords_of(model.labels, settings)
    folder = Path(params.detect_dir) if params.detect_dir is not None else logdir / _FOLDER
    check_folder(folder)
    heard: Heard | None = None
    made: tuple[Calibration, Measurement] | None = None
    if own:
        refuse(model.labels, (track for corpus in own for track in corpus.tracks), params)
        check_writable(logdir)
        heard = _hear(model, own, settings, scorer, reporter)
        made = calibrate(heard, params, model.step)
        settings, measurement = made[0].stream, made[1]
    if measured:
        if made is not None and heard is not None:
            logger.info("calibration, on the sound that it was made on:")
            _tell(measurement, heard, params)
            logger.info("measured, with the calibrated settings:")
        heard = _hear(model, measured, settings, scorer, reporter)
        measurement = measure_heard(heard, settings, params.match_tolerance_s)
    assert heard is not None
    _tell(measurement, heard, params)
    about: dict[str, Any] = {
        "logdir": str(logdir),
        "checkpoint_step": model.step,
        "false_accepts_per_hour_wanted": params.false_accepts_per_hour,
    }
    if made is not None:
        _save(made[0], logdir)
    curves = det_curves(heard, settings, params.match_tolerance_s)
    write_results(folder, measurement, curves, about, made)
    logger.info(f"results: {folder}")
    return 0


def _as_it_hears(scorer: MicroScorer, params: DetectParams) -> DetectParams:
    """Return the parameters with the method, window and hop of a file, which cannot be others."""
    hearing = {"method": "incremental", "window_s": scorer.window_s, "hop_s": scorer.hop_s}
    given = params.given()
    for name, value in hearing.items():
        if given.get(name, value) != value:
            raise UserError(
                f"{name}: got {given[name]}, but the file in micro_dir hears with {name}={value}; "
                f"leave {name} out"
            )
    return params.model_copy(update=hearing)


def _save(calibration: Calibration, logdir: Path) -> None:
    chosen = calibration.stream
    thresholds = ", ".join(f"{label} {p:.9g}" for label, p in chosen.thresholds.items())
    logger.info(f"thresholds: {thresholds}")
    path = write_calibration(calibration, logdir)
    logger.info(f"calibrated: smoothing={chosen.smoothing}, min_gap_s={chosen.min_gap_s:g}; {path}")


def _hear(
    model: PretrainedModel,
    corpora: list[Corpus],
    settings: StreamParams,
    scorer: MicroScorer | None,
    reporter: Reporter,
) -> Heard:
    seconds = sound_s(model, corpora)
    with contextlib.closing(reporter):
        reporter.start_bar(round(seconds), unit="s of sound")
        return hear(model, corpora, settings, lambda s: reporter.move_bar(round(s)), scorer)


def _tell(measurement: Measurement, heard: Heard, params: DetectParams) -> None:
    for line in lines_of(measurement, heard, params.false_accepts_per_hour):
        logger.info(line)


def _tell_overlap(measured: Iterable[Corpus], own: Iterable[Corpus]) -> None:
    """Warn where thresholds are measured on what they were chosen on."""
    paths = {os.path.realpath(t.path) for corpus in own for t in corpus.tracks}
    for corpus in measured:
        n = sum(os.path.realpath(track.path) in paths for track in corpus.tracks)
        if n:
            logger.warning(
                f"{corpus.name}: {n} of {len(corpus.tracks)} recordings are among those that it is "
                "calibrated on; what is measured on them is too good"
            )
