"""What every mode begins with: datasets, logdir, model and checkpoint, in the order that loses
nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq import network
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.storage import checkpoints, run_lock
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.reporting import Reporter

LAST = "checkpoints"
BEST = "best_models"
SPLIT_NAMES = {"eval": "val", "test": "test"}  # section of a config -> name of the split in metrics


class RunOptions(NamedTuple):
    """The flags of the command line that are not parameters of the config."""

    mode: str = "train"
    continue_learning: bool = False
    no_dir_check: bool = False
    benchmark: bool = False
    bench_steps: int = 20
    bench_start: int = 10
    enable_logs: bool = False
    infer_output_file: str | None = None
    clips: tuple[str, ...] = ()


def open_datasets(config: Config, sections: tuple[str, ...], report: Any) -> dict[str, Dataset]:
    """Open the datasets of some sections, before anything is written.

    Raises:
        UserError: one cannot be used, or they do not have the same labels.
    """
    datasets: dict[str, Dataset] = {}
    for section in sections:
        layer = config.data_layers[section]
        datasets[section] = layer.open(training=section == "train", seed=config.params.random_seed)
        _tell_about_clips(datasets[section], section, report)
    first, *others = datasets.items()
    for section, dataset in others:
        if dataset.labels != first[1].labels:
            raise UserError(
                f"{section}_params: its labels are not those of {first[0]}_params; use one labels file"
            )
    return datasets


def _tell_about_clips(dataset: Dataset, section: str, report: Any) -> None:
    report(f"{section}: {len(dataset)} clips, {len(dataset.labels)} labels")
    if dataset.converted:
        path, what = next(iter(dataset.converted.items()))
        report(
            f"{section}: {len(dataset.converted)} files are converted to 16-bit mono, the first from {what}: {path}"
        )
    if dataset.skipped:
        report(f"{section}: {len(dataset.skipped)} unusable files are skipped:")
        for path, reason in dataset.skipped.items():
            report(f"  {path}: {reason}")


def check_decoder(config: Config, labels: tuple[str, ...]) -> None:
    """Refuse a decoder whose output_dim contradicts the labels."""
    output_dim = config.decoder.output_dim
    if output_dim not in (None, len(labels)):
        raise UserError(
            f"decoder_params/output_dim: {output_dim}, but the data has {len(labels)} labels; leave it out"
        )


def check_logdir(config: Config, options: RunOptions) -> Path:
    """Check a training run's logdir; nothing is written yet.

    Raises:
        UserError: it holds something and the run is not to continue, it holds nothing to continue
            from, or it cannot be written.
    """
    logdir = Path(config.params.logdir)
    if logdir.exists() and not logdir.is_dir():
        raise UserError(f"logdir: {logdir} is a file; name a folder")
    for folder in (logdir, logdir / LAST, logdir / BEST):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise UserError(
                f"logdir: {folder} cannot be read and written by this user; name another with --logdir=DIR"
            )
    run_lock.check(
        logdir
    )  # early: until the run itself takes the lock, it has read its data and built its model
    if not options.no_dir_check:
        has_checkpoint = bool(checkpoints.list_checkpoints(logdir / LAST))
        if options.continue_learning and not has_checkpoint:
            raise UserError(
                f"logdir: {logdir} has no checkpoint to continue from; leave --continue_learning out, or, if a run "
                "ended here before its first one, start it again with --no_dir_check"
            )
        if not options.continue_learning and logdir.is_dir() and any(logdir.iterdir()):
            way = (
                "continue that run with --continue_learning"
                if has_checkpoint
                else "use it anyway with --no_dir_check"
            )
            raise UserError(
                f"logdir: {logdir} is not empty; {way}, or start another with --logdir=DIR"
            )
    return logdir


def find_checkpoint(config: Config, report: Any) -> Checkpoint:
    """Load the checkpoint that eval and infer use: the newest, or the best if the config says so.

    Raises:
        UserError: there is none.
    """
    folder = checkpoint_folder(config)
    checkpoint = checkpoints.load_newest(folder, report)
    if checkpoint is None:
        raise UserError(f"logdir: no checkpoint in {folder}; train first, with --mode=train_eval")
    return checkpoint


def best_accuracy(logdir: Path, report: Any) -> float:
    """Return the accuracy of the best model of a run that goes on, -1 if none is left that could be
    used.

    Then the next evaluation is the best one again: without the model, its accuracy serves nobody.
    """
    try:
        best = checkpoints.load_newest(logdir / BEST, report)
    except UserError as error:
        report(f"{error}; the run goes on, and keeps the best model from here on")
        return -1.0
    return -1.0 if best is None else best.state["best_top1"]


def checkpoint_folder(config: Config) -> Path:
    """Return where the checkpoint for use stands: the best if the config says so and there is one,
    or the last.
    """
    logdir = Path(config.params.logdir)
    has_best = config.params.restore_best_checkpoint and checkpoints.list_checkpoints(logdir / BEST)
    return logdir / (BEST if has_best else LAST)


def check_labels(checkpoint: Checkpoint, labels: tuple[str, ...], logdir: str | Path) -> None:
    """Refuse a checkpoint whose outputs mean something else than the data's labels."""
    trained_on = tuple(checkpoint.state["labels"])
    if trained_on != labels:
        raise UserError(
            f"logdir: {logdir} was trained on the labels {' '.join(trained_on)}, the data has {' '.join(labels)}; "
            "use the manifests that it was trained on, or another --logdir"
        )


def build_network(
    config: Config, workers: Workers, shape: tuple[int, int], n_labels: int, reporter: Reporter
) -> Any:
    """Take the device and return the model, a Keras one from images to logits."""
    has_gpu = network.set_up(workers, config.params.random_seed)
    policy, notice = network.dtype_policy(config.params.dtype, has_gpu)
    if notice:
        reporter.say(notice)
    model = config.model.build(
        config.encoder, config.decoder, shape, n_labels, network.layer_options(config, policy)
    )
    n_parameters = sum(
        int(v.shape.num_elements()) for v in (w.value for w in model.trainable_variables)
    )
    reporter.say(
        f"model: {n_parameters:,} trainable parameters, {policy}, {_devices(workers, has_gpu)}"
    )
    return model


def _devices(workers: Workers, has_gpu: bool) -> str:
    kind = "GPU" if has_gpu else "CPU"
    return f"{workers.size} {kind} processes" if workers.size > 1 else f"one {kind}"


def frozen_variables(config: Config, model: Any) -> list[Any]:
    """Return the trainable variables that `freeze_variables_regex` names.

    Raises:
        UserError: it is not a regular expression, or it matches all variables or none.
    """
    pattern = config.params.freeze_variables_regex
    if pattern is None:
        return []
    try:
        frozen = [v for v in model.trainable_variables if re.search(pattern, v.path)]
    except re.error as error:
        raise UserError(
            f"freeze_variables_regex: {pattern!r} is not a regular expression ({error})"
        ) from None
    if len(frozen) in (0, len(model.trainable_variables)):
        raise UserError(
            f"freeze_variables_regex: {pattern!r} matches {'all' if frozen else 'none'} of the variables"
        )
    return frozen


def check_ranks(variables: list[Any], workers: Workers, step: int) -> None:
    """Make sure that all workers have the same weights, to the last bit.

    Raises:
        UserError: one has not; it is raised on all of them.
    """
    if workers.size == 1:
        return
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.asarray(variable).tobytes())
    first, *others = workers.gather(digest.hexdigest())
    astray = [str(rank) for rank, other in enumerate(others, start=1) if other != first]
    if astray:
        raise UserError(
            f"after step {step} the weights of rank {', '.join(astray)} are not those of rank 0, so what they learn no "
            "longer counts for one model; look for a part of the config that differs between processes, or for a "
            "machine with faulty memory. Checkpoints are of rank 0; go on with --continue_learning"
        )


def spread_seeds(model: Any, workers: Workers) -> None:
    """Give each worker dropout of its own; the chief's seeds, which a checkpoint keeps, stay as
    they are.
    """
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):  # uint32: seed, number of draws
            seed, n_draws = np.asarray(variable)
            variable.assign(np.array([(int(seed) + workers.rank) % 2**32, n_draws], np.uint32))


def sync_statistics(model: Any, workers: Workers) -> None:
    """Give BatchNorm's moving statistics the average over the workers: each has seen other clips."""
    statistics = [v.value for v in model.non_trainable_variables if "float" in v.dtype]
    for variable, value in zip(
        statistics, workers.average([tf.identity(v) for v in statistics]), strict=True
    ):
        variable.assign(value)
