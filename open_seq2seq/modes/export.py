"""``--mode=export``: a trained model as files for other runtimes."""

from __future__ import annotations

import logging

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.exporting import export_model, how_to_serve
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.opening import open_model
from open_seq2seq.storage.reporting import Reporter

logger = logging.getLogger(__name__)


def export(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Write the files and return the exit status."""
    if distributed.launched_rank() != 0:
        return 0
    report = export_model(open_model(run), options.export)
    for trial in report.trials:
        accuracy = ""
        if trial.accuracy is not None:
            accuracy = (
                f", accuracy {trial.accuracy:.2%} (checkpoint {trial.checkpoint_accuracy:.2%})"
            )
        logger.info(
            f"{report.folder / trial.file}: {trial.n_bytes:,} bytes, {trial.median_ms:.2f} ms a "
            f"clip ({trial.percentile_95_ms:.2f} in 95 %){accuracy}, {trial.n_changed:,} of "
            f"{trial.n_clips:,} labels changed, largest difference {trial.largest_difference:.2g}"
        )
    if "web" in options.export.export_format:
        logger.info(f"page: {how_to_serve(report.folder)}, then open http://127.0.0.1:8000")
    logger.info(f"report: {report.folder / 'model_card.md'}")
    return 0
