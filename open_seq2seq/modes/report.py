"""``--mode=report``: what a run has recorded, as a page, as Markdown and as JSON."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from open_seq2seq.config import Config
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import UserError
from open_seq2seq.modes import RunOptions
from open_seq2seq.reports.board import summaries_of
from open_seq2seq.reports.recorded import Recorded, read
from open_seq2seq.reports.shown_data import choose_rows, show_clip
from open_seq2seq.reports.writing import write_report
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.system.terminal import say

logger = logging.getLogger(__name__)


def report(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Write the report of a run and return the exit status."""
    logdir = run.logdir if isinstance(run, TrainedRun) else run.params.logdir
    say(f"report: {write_report(read(Path(logdir))).resolve()}")
    return 0


def report_after(config: Config, reporter: Reporter, training: Dataset | None = None) -> None:
    """Report on a run after its final evaluation; that it cannot be done ends no run.

    Args:
        config: of the run.
        reporter: of the run.
        training: the training data, of which one clip is drawn for TensorBoard; None: not at hand.
    """
    files = reporter.files
    if files is None or not config.params.write_report:
        return
    logger.info("report: being written ...")
    try:
        run = read(files.logdir)
        logger.info(f"report: {write_report(run).resolve()}")
        if config.params.save_summaries_steps is not None:
            _summarize(run, reporter, training)
    except UserError as error:
        logger.warning(str(error))
    except Exception as error:  # whatever is wrong with it, the training has gone well
        logger.warning(
            f"report: not complete ({type(error).__name__}: {error}); --mode=report tries again"
        )


def _summarize(run: Recorded, reporter: Reporter, training: Dataset | None) -> None:
    step = max((each.record.step for each in run.evaluations.values()), default=0)
    for section, write in summaries_of(run, _augmentation(training)):
        reporter.metrics.write_summaries(section, step, write)


def _augmentation(training: Dataset | None) -> dict[str, np.ndarray]:
    """Return a picture of a training clip and of what is done to it, if there is matplotlib."""
    if training is None or find_spec("matplotlib") is None:
        return {}
    from open_seq2seq.reports import figures

    rows = choose_rows(training, [], 1, training.seed)
    if not rows:
        return {}
    params = training.params
    clip = show_clip(training, rows[0])
    figure = figures.draw_clip(clip, params.sample_rate, params.hop_length)
    return {"augmentation": figures.pixels_of(figure)}
