"""What each ``--mode`` does, from checked parameters to exit status."""

from __future__ import annotations

import contextlib
import itertools
import logging
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from open_seq2seq import __version__, distributed, inference
from open_seq2seq.config import Config
from open_seq2seq.data import notices
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.heartbeat import heartbeats
from open_seq2seq.errors import UserError, counted
from open_seq2seq.evaluation import SPLIT_OF_SECTION, Evaluator
from open_seq2seq.network import build_for_run, check_decoder
from open_seq2seq.storage import run_lock, variables
from open_seq2seq.storage.compatibility import check_front_end, check_labels, compare
from open_seq2seq.storage.logdir import check_logdir, load_checkpoint
from open_seq2seq.storage.progress import RunInfo
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.training.trainer import Trainer

if TYPE_CHECKING:
    from open_seq2seq.training.elastic import Commits

logger = logging.getLogger(__name__)


class RunOptions(NamedTuple):
    """The flags of run.py that are not parameters of the config."""

    mode: str = "train"
    continue_learning: bool = False
    no_dir_check: bool = False
    benchmark: bool = False
    bench_steps: int = 20
    bench_start: int = 10
    enable_logs: bool = False
    infer_output_file: Path | None = None
    clips: tuple[str, ...] = ()


def run_mode(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Run a mode and return the exit status; ``reporter`` is the handler of what it logs."""
    distributed.check(config.params.use_horovod, config.params.num_gpus)
    if options.benchmark:
        return _benchmark(config, options, reporter)
    modes = {"train": _train, "train_eval": _train, "eval": _evaluate, "infer": _infer}
    return modes[options.mode](config, options, reporter)


def _train(config: Config, options: RunOptions, reporter: Reporter) -> int:
    # everything that can be wrong is found before the logdir is made
    if distributed.launched_rank() == 0:
        check_logdir(
            Path(config.params.logdir),
            continue_learning=options.continue_learning,
            no_dir_check=options.no_dir_check,
        )
    sections = ["train"]
    if options.mode == "train_eval":
        sections += _evaluated_sections(config)
    datasets = _open_datasets(config, sections)
    check_decoder(config.decoder, len(datasets["train"].labels))
    timeout_s = config.params.worker_timeout_s
    rendezvous_timeout_s = config.params.rendezvous_timeout_s

    def train(workers: Workers, commits: Commits | None = None) -> int:
        reporter.is_chief = workers.is_chief
        with (
            contextlib.closing(reporter),
            heartbeats(workers, timeout_s, kills_silent=commits is not None),
        ):
            trainer = Trainer(config, options.mode, workers, datasets, reporter, commits)
            return _run(trainer, config, options)

    if distributed.is_elastic():
        from open_seq2seq.training import elastic

        return elastic.run(train, timeout_s, rendezvous_timeout_s)
    return train(distributed.start(config.params.use_horovod, timeout_s, rendezvous_timeout_s))


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
            status = trainer.run()
            if status == 0:
                trainer.finish()
            return status
    except UserError as error:
        logger.debug(f"error: {error}")
        raise


def _evaluate(config: Config, options: RunOptions, reporter: Reporter) -> int:
    p = config.params
    logdir = Path(p.logdir)
    sections = _evaluated_sections(config)
    datasets = _open_datasets(config, sections)
    checkpoint = load_checkpoint(logdir, best=p.restore_best_checkpoint)
    labels = datasets["eval"].labels
    check_labels(checkpoint.info, labels, f"logdir: {logdir}")
    # the other sections have been compared with this one
    layer = config.data_layers["eval"]
    check_front_end(checkpoint.info, layer, f"logdir: {logdir}", p.changed_front_end)
    workers = distributed.start(p.use_horovod, p.worker_timeout_s, p.rendezvous_timeout_s)
    with contextlib.closing(reporter), heartbeats(workers, p.worker_timeout_s):
        reporter.open(logdir, only_if_writable=True)
        model = build_for_run(config, workers, "eval", len(labels))
        variables.assign(model.variables, checkpoint.model, "model")
        evaluator = Evaluator(model, config.loss, workers)
        for section in sections:
            evaluation = evaluator.evaluate(datasets[section], p.eval_batch_size)
            assert evaluation is not None
            evaluation.check_finite(SPLIT_OF_SECTION[section])
            reporter.metrics.record_evaluation(
                evaluation,
                mode=options.mode,
                split=SPLIT_OF_SECTION[section],
                step=checkpoint.step,
                epoch=checkpoint.progress.epochs_done,
                version=p.dataset_version,
            )
    return 0


def _infer(config: Config, options: RunOptions, reporter: Reporter) -> int:
    if distributed.launched_rank() != 0:
        return 0
    p = config.params
    checkpoint = load_checkpoint(Path(p.logdir), best=p.restore_best_checkpoint)
    labels = checkpoint.labels
    layer = config.data_layers["infer"]
    check_front_end(checkpoint.info, layer, f"logdir: {p.logdir}", p.changed_front_end)
    dataset = _clips_to_infer(config, options, checkpoint.info)
    output = options.infer_output_file
    if output is not None:
        inference.check_output(output)
    model = build_for_run(config, Workers(), "infer", len(labels))
    variables.assign(model.variables, checkpoint.model, "model")
    predictions = inference.Predictor(model).predict(dataset, p.eval_batch_size)
    if output is not None:
        predictions = inference.write_predictions(output, labels, predictions)
    for prediction in predictions:
        logger.info(f"{prediction.path}: {prediction.label} ({prediction.probability:.3f})")
    for path, what in dataset.converted.items():
        logger.info(f"{path}: was converted from {what}")
    for path, reason in dataset.skipped.items():
        logger.warning(f"{path}: skipped, {reason}")
    return 0


def _clips_to_infer(config: Config, options: RunOptions, info: RunInfo) -> Dataset:
    layer = config.data_layers["infer"]
    clips = list(options.clips)
    if not clips:
        if not layer.dataset_files:
            raise UserError(
                "nothing to infer: name audio files, folders or manifests on the command line, or "
                "manifests with infer_params/data_layer_params/dataset_files"
            )
        if layer.labels_file is not None or layer.labels_path.is_file():
            check_labels(info, layer.read_labels(), f"logdir: {config.params.logdir}")
        clips = list(layer.read_rows(None)["path"])
    return layer.open_clips(clips, info.labels)


def _benchmark(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Time training steps, without writing anything."""
    p = config.params
    if options.bench_start >= options.bench_steps:
        raise UserError(
            f"--bench_start: {options.bench_start} leaves nothing of "
            f"--bench_steps={options.bench_steps}"
        )
    datasets = _open_datasets(config, ["train"])
    check_decoder(config.decoder, len(datasets["train"].labels))
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


def _evaluated_sections(config: Config) -> list[str]:
    return [section for section in SPLIT_OF_SECTION if section in config.data_layers]


def _open_datasets(config: Config, sections: list[str]) -> dict[str, Dataset]:
    """Open the datasets of some sections, before anything is written.

    Raises:
        UserError: one cannot be used, or they do not have the same labels.
    """
    datasets: dict[str, Dataset] = {}
    for section in sections:
        layer = config.data_layers[section]
        dataset = layer.open(training=section == "train", seed=config.params.random_seed)
        _log_clips(dataset, section)
        datasets[section] = dataset
        first = sections[0]
        if dataset.labels != datasets[first].labels:
            raise UserError(
                f"{section}_params: its labels are not those of {first}_params; use one labels file"
            )
        compare(
            config.data_layers[first].in_effect(),
            layer.in_effect(),
            f"{section}_params: {first}_params has",
            config.params.changed_front_end,
        )
    # mostly one front end for all
    of_all = (notices.warnings_of_front_end(dataset.params) for dataset in datasets.values())
    for line in dict.fromkeys(itertools.chain(*of_all)):
        logger.warning(line)
    return datasets


def _log_clips(dataset: Dataset, section: str) -> None:
    logger.info(
        f"{section}: {counted(len(dataset), 'clip')}, {counted(len(dataset.labels), 'label')}"
    )
    if dataset.converted:
        path, what = next(iter(dataset.converted.items()))
        logger.info(
            f"{section}: {counted(len(dataset.converted), 'file')} converted to 16-bit mono, the "
            f"first from {what}: {path}"
        )
    if dataset.skipped:
        logger.warning(f"{section}: {counted(len(dataset.skipped), 'unusable file')} skipped:")
        for path, reason in dataset.skipped.items():
            logger.warning(f"  {path}: {reason}")
    for line in notices.warnings_of(dataset):
        logger.warning(f"{section}: {line}")


def _log_surroundings(config: Config) -> None:
    """Add to the log what someone would need to know to repeat the run."""
    logger.debug(f"command: {' '.join(sys.argv)}")
    logger.debug(f"open_seq2seq {__version__}, git {_commit()}, Python {platform.python_version()}")
    for name, value in config.params:
        logger.debug(f"{name} = {value!r}")


def _commit() -> str:
    """Return the commit of the checkout, "none" for a package installed elsewhere."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return "none"
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=root
    )
    return git.stdout.strip() or "none"
