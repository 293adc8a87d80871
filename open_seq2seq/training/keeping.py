"""The model of a run: evaluated, the best one chosen, saved, and averaged at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from open_seq2seq.config import Config
from open_seq2seq.config.metric import check_metric_of_run
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.replicas import sync_statistics
from open_seq2seq.errors import UserError, counted
from open_seq2seq.evaluation import SPLIT_OF_SECTION, Evaluation, Evaluator, Occasion
from open_seq2seq.storage import architecture, checkpoints, evaluations, logdir, variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.training.checkpoint_average import CheckpointPool
from open_seq2seq.training.listening import Listening
from open_seq2seq.training.run_state import RunState
from open_seq2seq.training.selection import Selection

logger = logging.getLogger(__name__)


class ModelKeeper:
    """Evaluates the model of a run and keeps what is to be kept.

    Attributes:
        selection: says which model is the best.
    """

    def __init__(
        self,
        config: Config,
        mode: str,
        workers: Workers,
        datasets: dict[str, Dataset],
        reporter: Reporter,
        state: RunState,
    ) -> None:
        """Open the validation tracks, if the config names some.

        Raises:
            UserError: they cannot be used, or the metric that chooses the best model cannot be
                measured.
        """
        p = self.params = config.params
        self.config, self.mode, self.workers = config, mode, workers
        self.datasets, self.reporter, self.state = datasets, reporter, state
        self.model, self.data = state.model, datasets["train"]
        self.logdir = Path(p.logdir)
        labels, has_tracks = self.data.labels, p.validation_tracks_params is not None
        check_metric_of_run(p.best_metric, "best_metric", labels, has_tracks=has_tracks)
        self.selection = Selection(p.best_metric)
        self.evaluator = Evaluator(self.model, config.loss, config.decoder.outputs, workers)
        self.listening: Listening | None = None
        if p.validation_tracks_params is not None and "eval" in datasets:
            self.listening = Listening(p.validation_tracks_params, config, labels, self.model)
        self._last: Evaluation | None = None  # of the model as it is, on the validation split
        self.pool: CheckpointPool | None = None
        if p.average_params is not None and "eval" in datasets:
            self.pool = CheckpointPool(self.logdir / logdir.TO_AVERAGE, p.average_params)

    def evaluate(
        self, section: str, should_stop: Callable[[], bool] = lambda: False
    ) -> Evaluation | None:
        """Evaluate a section's data with the model as it is; None where any worker should stop."""
        sync_statistics(self.model, self.workers)
        with self.state.averaged():
            evaluation = self.evaluator.evaluate(
                self.datasets[section], self.params.eval_batch_size, should_stop
            )
            if evaluation is not None and section == "eval" and self.listening is not None:
                found = self.listening.detection(should_stop) if self.workers.is_chief else None
                found = self.workers.broadcast_object(found)
                evaluation = evaluation._replace(detection=found) if found is not None else None
        if evaluation is not None:
            self.reporter.record_evaluation(evaluation, self._occasion(section))
        return evaluation

    def _occasion(self, section: str) -> Occasion:
        return Occasion(
            self.mode,
            SPLIT_OF_SECTION[section],
            self.state.step,
            self.state.progress.epochs_done,
            self.params.dataset_version,
        )

    def _evaluate_at_end(self, section: str) -> Evaluation:
        evaluation = self.evaluate(section)
        assert evaluation is not None  # no signal is asked for
        evaluation.check_finite(SPLIT_OF_SECTION[section])
        return evaluation

    def _record_clips(self, section: str, evaluation: Evaluation) -> None:
        """Record what the model that is left gave for each clip."""
        evaluations.record(
            self.reporter.files,
            self.workers,
            self.datasets[section],
            evaluation,
            self._occasion(section),
            self.config.data_layers[section].manifest_paths(),
            self._checkpoint_folder.name,
        )

    @property
    def _checkpoint_folder(self) -> Path:
        """The folder of the checkpoint that ``--mode=eval`` would take."""
        return logdir.checkpoint_folder(self.logdir, best=self.params.restore_best_checkpoint)

    def keep(self, evaluation: Evaluation) -> None:
        """Save the model of an evaluation if it is the best, and among those to average."""
        self._last = evaluation
        self.state.progress, is_best = self.selection.after(self.state.progress, evaluation)
        if is_best:
            self._save(logdir.BEST, 1)
        if self.pool is not None and self.state.progress.score is not None:
            self._write(logdir.TO_AVERAGE, self.pool.add)

    def _average_checkpoints(self) -> None:
        """Evaluate and save the mean of the checkpoints to average; the model stays as it is."""
        if self.pool is None:
            return
        n = self.workers.broadcast_object(len(self.pool) if self.workers.is_chief else 0)
        if not n:
            return
        state, last = self.state, variables.values_of(self.model.variables)
        before = state.progress
        if self.workers.is_chief:
            variables.assign(self.model.variables, self.pool.mean(), "average")
        self.workers.broadcast([v.value for v in self.model.variables])
        logger.info(f"average of {counted(n, 'checkpoint')}:")
        state.progress, is_best = self.selection.after(
            before, self._evaluate_at_end("eval"), or_equal=True
        )
        self._save(logdir.AVERAGED, 1)
        if is_best:
            self._save(logdir.BEST, 1)
        state.progress = state.progress.replace(score=before.score)
        variables.assign(self.model.variables, last, "model")

    def save_last(self) -> None:
        """Save the run as it is, to resume from."""
        self._save(logdir.LAST, self.params.num_checkpoints)

    def _save(self, folder: str, keep: int) -> None:
        path = self.logdir / folder
        self._write(folder, lambda checkpoint: checkpoints.save(path, checkpoint, keep))

    def _write(self, folder: str, write: Callable[[Checkpoint], Path]) -> None:
        sync_statistics(self.model, self.workers)
        self.state.check_finite()
        if not self.workers.is_chief:
            return
        try:
            self.reporter.check_logdir()
            path = write(self.checkpoint())
        except OSError as error:
            raise UserError(
                f"logdir: cannot save a checkpoint in {self.logdir / folder} "
                f"({error.strerror or error}); earlier ones are intact"
            ) from None
        logger.debug(f"saved {path}")

    def checkpoint(self) -> Checkpoint:
        """Return a copy of the run as it is."""
        labels, classes = self.data.labels, self.data.classes
        info = architecture.run_info(self.config, "train", labels, classes=classes)
        return self.state.to_checkpoint(info)

    def finish(self) -> None:
        """Evaluate after the last step as ``--mode=eval`` would, with the weights it would take."""
        state, p = self.state, self.params
        if state.average is not None:
            state.average.swap()
            state.average = None  # from here on they are the model
        self._average_checkpoints()
        if p.restore_best_checkpoint and state.progress.best_top1 >= 0:
            logger.info(
                f"best checkpoint by {p.best_metric}: validation accuracy "
                f"{state.progress.best_top1:.2%}"
            )
            if self.workers.is_chief:
                checkpoint = logdir.load_checkpoint(self.logdir, best=True)
                variables.assign(self.model.variables, checkpoint.model, "model")
                state.progress = checkpoint.progress
            state.progress = self.workers.broadcast_object(state.progress)
            self.workers.broadcast([v.value for v in self.model.variables])
            self._last = self._evaluate_at_end("eval")
        if self._last is not None:
            self._record_clips("eval", self._last)
        accuracy = ""
        if "test" in self.datasets:
            evaluation = self._evaluate_at_end("test")
            self._record_clips("test", evaluation)
            n_clips = counted(evaluation.n_clips, "clip")
            accuracy = (
                f"test accuracy {evaluation.top1:.2%} on {n_clips} "
                f"({evaluation.top1_interval_text}); "
            )
        logger.info(
            f"done: {accuracy}checkpoint in {self._checkpoint_folder.resolve()}, logs in "
            f"{self.logdir.resolve()}"
        )
