"""Training: epochs, checkpoints and evaluations around the step."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import DataPosition, Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.replicas import check_replicas, moving_statistics
from open_seq2seq.errors import counted
from open_seq2seq.losses.label_weights import class_weights
from open_seq2seq.network import before_merging, build_for_run, output_layer, trained_variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.storage.variables import by_name
from open_seq2seq.structs import Batch
from open_seq2seq.training import hooks, resume, warm_start
from open_seq2seq.training.keeping import ModelKeeper
from open_seq2seq.training.run_state import RunState
from open_seq2seq.training.schedule import Schedule
from open_seq2seq.training.skipped_steps import SkippedSteps
from open_seq2seq.training.step import TrainStep
from open_seq2seq.training.step_reports import Speed, StepReports
from open_seq2seq.training.stop_signal import StopSignal
from open_seq2seq.training.teacher import Teacher, open_teacher
from open_seq2seq.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from open_seq2seq.training.elastic import Commits

# summaries of what a step did to each variable
_DETAILS = {"gradients", "gradient_norm", "larc_summaries"}

logger = logging.getLogger(__name__)


class _Step(NamedTuple):
    """The data of one training step."""

    position: DataPosition  # before it
    batches: tuple[Batch, ...]
    rows: np.ndarray  # int [iter_size, batch], rows of the dataset


class Trainer:
    """One process's part of a training run."""

    def __init__(
        self,
        config: Config,
        mode: str,
        workers: Workers,
        datasets: dict[str, Dataset],
        reporter: Reporter,
        commits: Commits | None = None,
    ) -> None:
        p = self.params = config.params
        self.config, self.mode, self.workers = config, mode, workers
        self.datasets, self.reporter, self.commits = datasets, reporter, commits
        self.logdir = Path(p.logdir)
        self.data = datasets["train"]
        self.sampler = Sampler(
            len(self.data), p.batch_size_per_gpu, p.iter_size, workers.rank, workers.size
        )
        self.schedule = Schedule.of(p, self.sampler)
        self.learning_rate = self.schedule.learning_rate(config.lr_policy)
        self.early_stopping = p.early_stopping_params
        if self.early_stopping is not None:
            has_tracks = p.validation_tracks_params is not None
            self.early_stopping.check(
                self.data.labels, is_evaluated="eval" in datasets, has_tracks=has_tracks
            )

        labels, merged = self.data.labels, self.data.merged
        self.class_weights = class_weights(config.loss, labels, merged)
        self.model = build_for_run(config, workers, "train", len(labels), merged)
        self.trained = trained_variables(p.freeze_variables_regex, self.model)
        optimizer, scaler = config.optimizer.create(), config.loss_scaling.create()
        optimizer.build(self.trained)
        average = None
        if p.ema_decay is not None:
            average = WeightAverage(self.trained, p.ema_decay)
        self.teacher: Teacher | None = None
        if p.distillation_params is not None:
            self.teacher = open_teacher(
                p.distillation_params,
                self.data,
                self.model,
                config.decoder.outputs,
                p.changed_front_end,
            )
        self.state = RunState(self.model, optimizer, scaler, average, self.sampler)
        self.keeper = ModelKeeper(config, mode, workers, datasets, reporter, self.state)

    @functools.cached_property
    def train_step(self) -> TrainStep:
        """The step of this run, made at its first use, in `run` or `time_steps`.

        Not before: `start` and `warm_start` say whether the moving statistics are new.
        """
        p, state = self.params, self.state
        return TrainStep(
            before_merging(self.model),
            self.config.loss,
            state.optimizer,
            state.scaler,
            self.workers,
            variables=self.trained,
            max_grad_norm=p.max_grad_norm,
            class_weights=self.class_weights,
            larc=p.larc_params,
            average=state.average,
            teacher=self.teacher,
            has_new_statistics=state.progress.has_new_statistics,
            keep_details=not _DETAILS.isdisjoint(p.summaries),
            use_xla_jit=p.use_xla_jit,
        )

    def find_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint that the chief resumes from, None for a new run.

        Raises:
            UserError: there are checkpoints, but none that can be used with this config and data.
        """
        if not self.workers.is_chief:
            return None
        if self.commits is not None and self.commits.last is not None:
            return self.commits.last
        changed = self.params.changed_front_end
        return resume.find_checkpoint(self.logdir, self.data, self.config.decoder, changed)

    def warm_start(self) -> None:
        """Give the chief of a new run the weights of another run, if the config names one.

        Raises:
            UserError: they cannot be loaded.
        """
        source = self.params.load_model
        if source is None or not self.workers.is_chief:
            return
        layer, changed = (
            output_layer(self.config.decoder, self.model),
            self.params.changed_front_end,
        )
        loaded = warm_start.load_weights(source, self.model.weights, layer, self.data, changed)
        statistics = by_name(moving_statistics(self.model))
        self.state.update(has_new_statistics=not loaded.issuperset(statistics))
        if self.state.average is not None:
            self.state.average.restart()

    def start(self, checkpoint: Checkpoint | None) -> None:
        """Resume from the chief's checkpoint, if any, and give all workers the same values."""
        state = self.state
        if checkpoint is not None:
            state.resume(checkpoint, self.schedule, self.params.num_epochs)
            state.progress = self.keeper.selection.resumed(state.progress, self.logdir)
            logger.info(f"continuing from step {state.step}, epoch {state.progress.epoch + 1}")
        for hook in hooks.before_start:
            hook(state.progress, self.workers)
        self._share()

    def _share(self) -> None:
        """Give all workers the chief's values."""
        self.state.share(self.workers)
        if self.teacher is not None:  # each has read it, and some perhaps a newer one
            self.workers.broadcast([v.value for v in self.teacher.network.variables])

    def time_steps(self, n_warm: int) -> float:
        """Train, save nothing, and return the seconds of a step after the first ``n_warm``."""
        started = 0.0
        self._share()
        for step in self._steps():
            if self.state.step == n_warm:
                started = time.monotonic()
            metrics, _ = self.train_step(step.batches, self._learning_rate())
            metrics.loss.numpy()  # wait for it
            self.state.count_step()
        return (time.monotonic() - started) / (self.state.step - n_warm)

    def run(self) -> int:
        """Train to the end, or until a signal; return the exit status."""
        state, total = self.state, self.schedule.total
        if self._is_over:
            logger.info(f"training: nothing is left to do after step {state.step}")
        else:
            logger.info(
                f"training: steps {state.step} to {total}, {self.schedule.steps_per_epoch} an "
                f"epoch, {counted(self.sampler.rows_per_step, 'clip')} a step"
            )
        with StopSignal() as stop_signal:
            self.reporter.start_training(total, state.step)
            if not self._train(stop_signal):
                self.keeper.save_last()
                logger.info(
                    f"stopped after step {state.step}; the checkpoint is saved, continue with "
                    "--continue_learning"
                )
                # one process may have got the signal for all
                return 128 + max(self.workers.gather(stop_signal.number))
        if self._is_out_of_patience and self.early_stopping is not None:
            reason = self.early_stopping.describe(state.progress.patience)
            logger.info(f"stopped early after step {state.step}: {reason}")
        return 0

    def _train(self, stop_signal: StopSignal) -> bool:
        """Take all steps that are left; False where a signal came to any worker."""
        p, state = self.params, self.state
        speed = Speed(self.sampler.rows_per_step)
        reports = StepReports(
            p,
            self.schedule,
            self.model,
            [variable.path for variable in self.trained],
            self.data.labels,
            self.config.decoder.outputs,
            self.reporter,
            speed,
        )
        skipped = SkippedSteps(
            p.max_skipped_steps,
            list(self.data.paths),
            self.train_step.is_finite,
            self.workers,
            state.progress.n_skipped,
        )
        last_loss = 0.0  # of a run that is resumed after its last step, nothing is known
        if state.progress.is_evaluation_due and not self._evaluate_and_save(stop_signal):
            return False
        for step in self._steps():
            rate = self._learning_rate()
            metrics, is_stopping = self.train_step(step.batches, rate, stop_signal.is_set)
            state.count_step()
            speed.count()
            if self.workers.is_chief:
                reports.report(state.step, metrics, rate, step.batches[0])
            skipped.count(state.step, bool(metrics.skipped), step.batches, step.rows)
            state.update(n_skipped=skipped.n_consecutive)
            last_loss = metrics.loss
            for hook in hooks.after_step:
                hook(
                    hooks.StepRecord(
                        state.step,
                        self.workers,
                        step.position,
                        step.rows,
                        step.batches,
                        rate,
                        metrics,
                    )
                )
            if p.check_ranks_steps and state.step % p.check_ranks_steps == 0:
                check_replicas(
                    [*self.trained, *state.optimizer.variables], self.workers, state.step
                )
            if "eval" in self.datasets:
                state.update(is_evaluation_due=self._is_due(p.eval_steps))
            if is_stopping:
                return False
            with speed.paused():
                if not self._evaluate_and_save(stop_signal):
                    return False
        skipped.check_end(state.step, float(last_loss))
        return True

    def _steps(self) -> Iterator[_Step]:
        """Yield the data of all steps that are left, epoch after epoch."""
        shuffle = self.config.data_layers["train"].shuffle
        while not self._is_over:
            epoch, row = self.state.progress.position
            plan = self.sampler.for_training(
                self.params.random_seed, epoch, shuffle=shuffle, first_row=row
            )
            rows_of_steps = self.data.rows(epoch)[plan.rows]
            for batches, rows in zip(self.data.batches(plan, epoch), rows_of_steps, strict=True):
                yield _Step(self.state.progress.position, batches, rows)
                if self._is_over:
                    return

    @property
    def _is_over(self) -> bool:
        """Whether nothing is left to train; also of a run that is resumed after its last step."""
        return self.state.step >= self.schedule.total or self._is_out_of_patience

    @property
    def _is_out_of_patience(self) -> bool:
        if self.early_stopping is None:
            return False
        return self.early_stopping.is_over(self.state.progress.patience)

    def _learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        rate = self.learning_rate(self.state.step)
        first_rows = self.state.progress.first_rows_per_step
        if self.params.scale_learning_rate and first_rows:
            rate *= self.sampler.rows_per_step / first_rows
        return rate

    def _is_due(self, every: int | None) -> bool:
        """Tell whether something is due now that comes every so many steps, and at the end.

        Args:
            every: steps; None: at the end of each epoch.
        """
        if self.state.step == self.schedule.total:
            return True
        if every is None:
            return self.state.progress.row == 0
        return self.state.step % every == 0

    def _evaluate_and_save(self, stop_signal: StopSignal) -> bool:
        """Do what is due after a step; False where a signal came before the evaluation was done."""
        p, state = self.params, self.state
        was_evaluated = state.progress.is_evaluation_due
        # evaluation first: the checkpoint then knows the best accuracy so far
        if was_evaluated:
            evaluation = self.keeper.evaluate("eval", lambda: stop_signal.is_set)
            if evaluation is None:
                return False
            state.update(is_evaluation_due=False)
            if self.early_stopping is not None:
                patience = self.early_stopping.after(state.progress.patience, evaluation)
                state.update(patience=patience)
            self.keeper.keep(evaluation)
        if self._is_over or self._is_due(p.save_checkpoint_steps):
            self.keeper.save_last()
        is_commit_due = was_evaluated or state.step % p.elastic_commit_steps == 0
        if self.commits is not None and is_commit_due:
            self.commits.commit(self.keeper.checkpoint())
        return True
