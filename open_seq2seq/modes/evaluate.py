"""``--mode=eval``: a checkpoint on the validation and the test split."""

from __future__ import annotations

import contextlib
from pathlib import Path

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.distributed.heartbeat import heartbeats
from open_seq2seq.evaluation import SPLIT_OF_SECTION, Evaluator, Occasion
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.datasets import evaluated_sections, open_datasets
from open_seq2seq.modes.report import report_after
from open_seq2seq.network import build_for_run
from open_seq2seq.storage import evaluations, variables
from open_seq2seq.storage.compatibility import check_front_end, check_labels, check_outputs
from open_seq2seq.storage.logdir import checkpoint_folder, load_checkpoint
from open_seq2seq.storage.reporting import Reporter


def evaluate(config: Config, options: RunOptions, reporter: Reporter) -> int:
    """Evaluate the run's checkpoint and return the exit status."""
    p = config.params
    logdir = Path(p.logdir)
    sections = evaluated_sections(config)
    datasets = open_datasets(config, sections)
    folder = checkpoint_folder(logdir, best=p.restore_best_checkpoint).name
    checkpoint = load_checkpoint(logdir, best=p.restore_best_checkpoint)
    labels = datasets["eval"].labels
    check_labels(checkpoint.info, labels, f"logdir: {logdir}")
    check_outputs(checkpoint.info, config.decoder, f"logdir: {logdir}")
    # the other sections have been compared with this one
    layer = config.data_layers["eval"]
    check_front_end(checkpoint.info, layer, f"logdir: {logdir}", p.changed_front_end)
    workers = distributed.start(p.use_horovod, p.worker_timeout_s, p.rendezvous_timeout_s)
    with contextlib.closing(reporter), heartbeats(workers, p.worker_timeout_s):
        reporter.open(logdir, only_if_writable=True)
        model = build_for_run(config, workers, "eval", len(labels), checkpoint.info.merged)
        variables.assign(model.variables, checkpoint.model, "model")
        evaluator = Evaluator(model, config.loss, config.decoder.outputs, workers)
        for section in sections:
            dataset, split = datasets[section], SPLIT_OF_SECTION[section]
            evaluation = evaluator.evaluate(dataset, p.eval_batch_size)
            assert evaluation is not None
            evaluation.check_finite(split)
            occasion = Occasion(
                options.mode,
                split,
                checkpoint.step,
                checkpoint.progress.epochs_done,
                p.dataset_version,
            )
            reporter.record_evaluation(evaluation, occasion)
            manifests = config.data_layers[section].manifest_paths()
            evaluations.record(
                reporter.files, workers, dataset, evaluation, occasion, manifests, folder
            )
        report_after(config, reporter)
    return 0
