"""``--mode=train`` and ``train_eval``, and ``--benchmark``."""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from open_seq2seq import __version__, distributed
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.heartbeat import heartbeats
from open_seq2seq.errors import UserError, counted
from open_seq2seq.losses.label_weights import class_weights
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.datasets import evaluated_sections, open_datasets
from open_seq2seq.modes.report import report_after
from open_seq2seq.network import check_decoder, multiply_adds
from open_seq2seq.storage import run_lock, trackers
from open_seq2seq.storage.logdir import check_logdir
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.storage.run_files import RunFiles
from open_seq2seq.storage.starts import commit, parameters_of, record_start
from open_seq2seq.storage.trackers import Trackers
from open_seq2seq.training.trainer import Trainer

if TYPE_CHECKING:
    from open_seq2seq.training.elastic import Commits

logger = logging.getLogger(__name__)


def train(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Train, and evaluate if the mode says so; return the exit status."""
    # everything that can be wrong is found before the logdir is made
    trackers.check(config.params.trackers)
    if distributed.launched_rank() == 0:
        check_logdir(
            Path(config.params.logdir),
            continue_learning=options.continue_learning,
            no_dir_check=options.no_dir_check,
        )
    sections = ["train"]
    if options.mode == "train_eval":
        sections += evaluated_sections(config)
    datasets = _open(config, sections)
    timeout_s = config.params.worker_timeout_s
    rendezvous_timeout_s = config.params.rendezvous_timeout_s

    def train_with(workers: Workers, commits: Commits | None = None) -> int:
        reporter.is_chief = workers.is_chief
        with (
            contextlib.closing(reporter),
            heartbeats(workers, timeout_s, kills_silent=commits is not None),
        ):
            trainer = Trainer(config, options.mode, workers, datasets, reporter, commits)
            return _run(trainer, config, options)

    if distributed.is_elastic():
        from open_seq2seq.training import elastic

        return elastic.run(train_with, timeout_s, rendezvous_timeout_s)
    return train_with(distributed.start(config.params.use_horovod, timeout_s, rendezvous_timeout_s))


def benchmark(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Time training steps, without writing anything."""
    p = config.params
    if options.bench_start >= options.bench_steps:
        raise UserError(
            f"--bench_start: {options.bench_start} leaves nothing of "
            f"--bench_steps={options.bench_steps}"
        )
    datasets = _open(config, ["train"])
    workers = distributed.start(p.use_horovod, p.worker_timeout_s, p.rendezvous_timeout_s)
    length = {
        "num_epochs": None,
        "max_steps": options.bench_steps,
        "early_stopping_params": None,
    }
    config = config._replace(params=p.model_copy(update=length))
    trainer = Trainer(config, options.mode, workers, datasets, reporter)
    with heartbeats(workers, p.worker_timeout_s):
        seconds = trainer.time_steps(options.bench_start)
    rows = trainer.sampler.rows_per_step
    logger.info(
        f"benchmark: {counted(options.bench_steps - options.bench_start, 'step')} after "
        f"{options.bench_start}, {seconds * 1000:.1f} ms a step, {rows / seconds:.1f} clips/s"
    )
    return 0


def _open(config: Config, sections: list[str]) -> dict[str, Dataset]:
    """Open the datasets, and check what names their labels."""
    datasets = open_datasets(config, sections)
    data = datasets["train"]
    check_decoder(config.decoder, len(data.labels))
    class_weights(config.loss, data.labels, data.merged)
    return datasets


def _run(trainer: Trainer, config: Config, options: RunOptions) -> int:
    """Train from the checkpoint to resume from, if any, to the end, alone in the logdir."""
    reporter = trainer.reporter
    checkpoint = trainer.find_checkpoint()
    if checkpoint is None:
        trainer.warm_start()
    try:
        reporter.open(trainer.logdir)
        with run_lock.held(trainer.logdir) if reporter.is_chief else contextlib.nullcontext():
            if options.enable_logs:
                _log_surroundings(config)
            trainer.start(checkpoint)
            if reporter.files is not None:
                _record_start(trainer, config, reporter.files)
                if (p := config.params).trackers:
                    reporter.metrics.trackers = Trackers(
                        p.trackers, trainer.logdir, p.tracker_project, parameters_of(config)
                    )
            status = trainer.run()
            if status == 0:
                trainer.keeper.finish()
                report_after(config, reporter, trainer.datasets["train"])
            if reporter.metrics.trackers is not None:
                reporter.metrics.trackers.outcome = "KILLED" if status else "FINISHED"
            return status
    except UserError as error:
        logger.debug(f"error: {error}")
        raise


def _record_start(trainer: Trainer, config: Config, files: RunFiles) -> None:
    record_start(
        files,
        config,
        trainer.datasets,
        version=__version__,
        n_processes=trainer.workers.size,
        step=trainer.state.step,
        n_parameters=sum(v.value.shape.num_elements() for v in trainer.model.trainable_variables),
        multiply_adds=multiply_adds(trainer.model),
    )


def _log_surroundings(config: Config) -> None:
    """Add to the log what someone would need to know to repeat the run."""
    logger.debug(f"command: {' '.join(sys.argv)}")
    revision = commit() or "none"
    logger.debug(f"open_seq2seq {__version__}, git {revision}, Python {platform.python_version()}")
    for name, value in config.params:
        logger.debug(f"{name} = {value!r}")
