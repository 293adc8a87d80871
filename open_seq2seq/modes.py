"""What each ``--mode`` does, from checked parameters to exit status."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from open_seq2seq import __version__, distributed, inference, named_variables, run_lock, session
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluator
from open_seq2seq.reporting import Reporter
from open_seq2seq.session import RunOptions
from open_seq2seq.training import Trainer
from open_seq2seq.watch import watched

if TYPE_CHECKING:
    from open_seq2seq.elastic import Commits


def run_mode(config: Config, options: RunOptions) -> int:
    """Run a mode and return the exit status."""
    distributed.check(config.params.use_horovod, config.params.num_gpus)
    if options.benchmark:
        return _benchmark(config, options)
    return {"train": _train, "train_eval": _train, "eval": _evaluate, "infer": _infer}[options.mode](config, options)


def _train(config: Config, options: RunOptions) -> int:
    # everything that can be wrong is found before the logdir is made
    sections = ("train",) if options.mode == "train" else ("train", "eval", *_test(config))
    is_chief = distributed.launched_rank() == 0
    logdir = session.check_logdir(config, options) if is_chief else Path(config.params.logdir)
    reporter = Reporter(is_chief=is_chief)
    datasets = session.open_datasets(config, sections, reporter.say)
    session.check_decoder(config, datasets["train"].labels)
    timeout_s, rendezvous_timeout_s = config.params.worker_timeout_s, config.params.rendezvous_timeout_s

    def train(workers: Workers, commits: Commits | None = None) -> int:
        reporter.is_chief = workers.is_chief
        with contextlib.closing(reporter), watched(workers, timeout_s, reporter.log, kills_silent=commits is not None):
            trainer = Trainer(config, options.mode, workers, datasets, logdir, reporter, commits)
            return _run(trainer, config, options)

    if distributed.is_elastic():
        from open_seq2seq import elastic

        return elastic.run(train, timeout_s, rendezvous_timeout_s)
    return train(distributed.start(config.params.use_horovod, timeout_s, rendezvous_timeout_s))


def _run(trainer: Trainer, config: Config, options: RunOptions) -> int:
    """Train from the checkpoint that is to be taken up, if any, to the end, alone in the logdir."""
    reporter, logdir = trainer.reporter, trainer.logdir
    checkpoint = trainer.find_start()
    try:
        reporter.open(logdir)
        with run_lock.held(logdir, reporter.say) if reporter.is_chief else contextlib.nullcontext():
            if options.enable_logs:
                _log_surroundings(config, reporter)
            trainer.start_from(checkpoint)
            status = trainer.run()
            if status == 0:
                trainer.finish()
            return status
    except UserError as error:
        reporter.log(f"error: {error}")
        raise


def _evaluate(config: Config, options: RunOptions) -> int:
    sections = ("eval", *_test(config))
    reporter = Reporter(is_chief=distributed.launched_rank() == 0)
    datasets = session.open_datasets(config, sections, reporter.say)
    checkpoint = session.find_checkpoint(config, reporter.say)
    labels = datasets["eval"].labels
    session.check_labels(checkpoint, labels, config.params.logdir)
    workers = distributed.start(
        config.params.use_horovod, config.params.worker_timeout_s, config.params.rendezvous_timeout_s
    )
    with contextlib.closing(reporter), watched(workers, config.params.worker_timeout_s, reporter.log):
        reporter.open(Path(config.params.logdir))
        model = session.build_network(config, workers, datasets["eval"].shape, len(labels), reporter)
        named_variables.assign(model.variables, checkpoint.model, "model")
        evaluator = Evaluator(model, config.loss, workers)
        for section in sections:
            found = evaluator.evaluate(
                datasets[section], config.params.eval_batch_size_per_gpu or config.params.batch_size_per_gpu
            )
            assert found is not None
            reporter.record_evaluation(
                found,
                mode=options.mode,
                split=session.SPLIT_NAMES[section],
                step=checkpoint.step,
                epoch=checkpoint.state["epoch"],
                version=config.params.dataset_version,
            )
    return 0


def _infer(config: Config, options: RunOptions) -> int:
    if distributed.launched_rank() != 0:
        return 0
    reporter = Reporter(is_chief=True)
    checkpoint = session.find_checkpoint(config, reporter.say)
    labels = tuple(checkpoint.state["labels"])
    dataset = _clips_to_infer(config, options, labels)
    session.check_labels(checkpoint, dataset.labels, config.params.logdir)
    output = options.infer_output_file
    if output:
        inference.check_output(output)
    model = session.build_network(config, distributed.Workers(), dataset.shape, len(labels), reporter)
    named_variables.assign(model.variables, checkpoint.model, "model")
    predictions = inference.predict(
        model, dataset, config.params.eval_batch_size_per_gpu or config.params.batch_size_per_gpu
    )
    if output:
        predictions = inference.write_predictions(output, labels, predictions)
    for prediction in predictions:
        reporter.say(f"{prediction.path}: {prediction.label} ({prediction.probability:.3f})")
    for path, what in dataset.converted.items():
        reporter.say(f"{path}: was converted from {what}")
    for path, reason in dataset.skipped.items():
        reporter.say(f"{path}: skipped, {reason}")
    return 0


def _clips_to_infer(config: Config, options: RunOptions, labels: tuple[str, ...]) -> Dataset:
    if options.clips:
        return config.data_layers["infer"].open_clips(list(options.clips), labels)
    if not config.data_layers["infer"].dataset_files:
        raise UserError(
            "nothing to infer: name audio files on the command line, or a manifest with "
            "infer_params/data_layer_params/dataset_files"
        )
    return config.data_layers["infer"].open(training=False, seed=0)


def _benchmark(config: Config, options: RunOptions) -> int:
    """Time training steps, without writing anything."""
    if options.bench_start >= options.bench_steps:
        raise UserError(f"--bench_start: {options.bench_start} leaves nothing of --bench_steps={options.bench_steps}")
    reporter = Reporter(is_chief=distributed.launched_rank() == 0)
    datasets = session.open_datasets(config, ("train",), reporter.say)
    session.check_decoder(config, datasets["train"].labels)
    workers = distributed.start(
        config.params.use_horovod, config.params.worker_timeout_s, config.params.rendezvous_timeout_s
    )
    params = config.params.model_copy(
        update={"num_epochs": None, "max_steps": options.bench_steps, "early_stopping_params": None}
    )
    trainer = Trainer(
        config._replace(params=params), options.mode, workers, datasets, Path(config.params.logdir), reporter
    )
    with watched(workers, config.params.worker_timeout_s, reporter.log):
        seconds = trainer.time_steps(options.bench_start)
    rows = trainer.sampler.rows_per_step
    reporter.say(
        f"benchmark: {options.bench_steps - options.bench_start} steps after {options.bench_start}, "
        f"{seconds * 1000:.1f} ms a step, {rows / seconds:.1f} clips/s"
    )
    return 0


def _test(config: Config) -> tuple[str, ...]:
    return ("test",) if "test" in config.data_layers else ()


def _log_surroundings(config: Config, reporter: Reporter) -> None:
    """Add to the log what someone would need to know to repeat the run."""
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    reporter.log(f"command: {' '.join(sys.argv)}")
    reporter.log(f"open_seq2seq {__version__}, git {git.stdout.strip() or 'none'}, Python {platform.python_version()}")
    for name, value in config.params:
        reporter.log(f"{name} = {value!r}")
