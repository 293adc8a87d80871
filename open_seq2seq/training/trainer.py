"""Training: epochs, checkpoints and evaluations around the step."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from open_seq2seq import session
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation, Evaluator
from open_seq2seq.storage import architecture, checkpoints, variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.structs import Batch
from open_seq2seq.training import early_stopping, warm_start
from open_seq2seq.training.progress import Progress, Speed
from open_seq2seq.training.resuming import place_of
from open_seq2seq.training.run_state import RunState
from open_seq2seq.training.schedule import Schedule
from open_seq2seq.training.skipped_steps import SkippedSteps
from open_seq2seq.training.step import TrainStep, trained_variables
from open_seq2seq.training.stop_signal import StopRequest
from open_seq2seq.training.weight_average import WeightAverage

if TYPE_CHECKING:
    from open_seq2seq.training.elastic import Commits

_DETAILS = {
    "gradients",
    "gradient_norm",
    "larc_summaries",
}  # summaries of what a step did to each variable


class Trainer:
    """One process's part of a training run."""

    def __init__(
        self,
        config: Config,
        mode: str,
        workers: Workers,
        datasets: dict[str, Dataset],
        logdir: Path,
        reporter: Reporter,
        commits: Commits | None = None,
    ) -> None:
        p = self.params = config.params
        self.config, self.mode, self.workers, self.commits = config, mode, workers, commits
        self.datasets, self.logdir, self.reporter = datasets, logdir, reporter
        self.data = datasets["train"]
        self.sampler = Sampler(
            len(self.data), p.batch_size_per_gpu, p.iter_size, workers.rank, workers.size
        )
        self.schedule = Schedule.of(p, self.sampler)
        self.learning_rate = self.schedule.learning_rate(config.lr_policy)

        self.model = session.build_network(
            config, workers, self.data.shape, len(self.data.labels), reporter
        )
        frozen = session.frozen_variables(config, self.model)
        optimizer, scaler = config.optimizer.create(), config.loss_scaling.create()
        self.trained = trained_variables(self.model, frozen)
        optimizer.build(self.trained)
        average = WeightAverage(self.trained, p.ema_decay) if p.ema_decay is not None else None
        patience = early_stopping.start(
            p.early_stopping_params, "eval" in datasets, self.data.labels
        )
        self.state = RunState(self.model, optimizer, scaler, average, patience, self.sampler)
        self.train_step = TrainStep(
            self.model,
            config.loss,
            optimizer,
            scaler,
            workers,
            frozen=frozen,
            max_grad_norm=p.max_grad_norm,
            larc=p.larc_params,
            average=average,
            keep_details=not _DETAILS.isdisjoint(p.summaries),
            use_xla_jit=p.use_xla_jit,
        )
        self.evaluator = Evaluator(self.model, config.loss, workers)

    def find_start(self) -> Checkpoint | None:
        """Return the checkpoint that the chief goes on from, None for a new run, which may take up
        other weights.

        Raises:
            UserError: there are checkpoints, but none that can be used with this config and data.
        """
        if not self.workers.is_chief:
            return None
        if self.commits is not None and self.commits.last is not None:
            return self.commits.last
        checkpoint = checkpoints.load_newest(self.logdir / session.LAST, self.reporter.say)
        if checkpoint is not None and checkpoint.state.get("imported_from"):
            raise UserError(
                f"logdir: {self.logdir} holds imported weights without an optimizer's state; start another run with "
                f"--load_model={self.logdir} --logdir=DIR"
            )
        if checkpoint is not None:
            session.check_labels(checkpoint, self.data.labels, self.logdir)
        elif self.params.load_model is not None:
            source = self.params.load_model
            matches = warm_start.load_weights(
                source, self.model.weights, self.data.labels, self.reporter.say
            )
            for line in warm_start.describe(matches, source):
                self.reporter.say(line)
            if self.state.average is not None:
                self.state.average.restart()
        return checkpoint

    def start_from(self, checkpoint: Checkpoint | None) -> None:
        """Take up the chief's checkpoint, if any, and give all workers the same values."""
        state = self.state
        if checkpoint is not None:
            state.take_up(checkpoint, self.schedule, self.params.num_epochs, self.reporter.say)
            state.best_top1 = session.best_accuracy(self.logdir, self.reporter.say)
            self.reporter.say(f"continuing from step {state.step}, epoch {state.place.epoch + 1}")
        state.share(self.workers)

    def time_steps(self, n_warm: int) -> float:
        """Train without saving anything and return the seconds of a step, leaving out the first
        ``n_warm``.
        """
        started = 0.0
        self.state.share(self.workers)
        for batches, _ in self._batches():
            if self.state.step == n_warm:
                started = time.monotonic()
            metrics, _ = self.train_step(batches, self._rate())
            metrics.loss.numpy()  # wait for it
            self.state.count_step()
        return (time.monotonic() - started) / (self.state.step - n_warm)

    def run(self) -> int:
        """Train to the end, or until a signal; return the exit status."""
        p, state, total = self.params, self.state, self.schedule.total
        self.reporter.say(
            f"training: steps {state.step} to {total}, {self.schedule.steps_per_epoch} an epoch, "
            f"{self.sampler.rows_per_step} clips a step"
        )
        with StopRequest() as request:
            self.reporter.start_bar(total, state.step)
            speed = Speed(self.sampler.rows_per_step)
            names = [variable.path for variable in self.trained]
            progress = Progress(p, self.schedule, self.model, names, self.reporter, speed)
            paths = list(self.data.paths)
            skipped = SkippedSteps(
                p.max_skipped_steps, paths, self.train_step.is_finite, self.workers
            )
            if state.is_evaluation_due and not self._evaluate_and_save(request):
                return self._stop(request)
            for batches, rows in self._batches():
                rate = self._rate()
                metrics, stop = self.train_step(batches, rate, request.is_set)
                state.count_step()
                speed.count()
                if self.workers.is_chief:
                    progress.report(state.step, metrics, rate, batches[0], self.data.labels)
                skipped.take(state.step, bool(metrics.skipped), batches, rows)
                if p.check_ranks_steps and state.step % p.check_ranks_steps == 0:
                    session.check_ranks(
                        [*self.trained, *state.optimizer.variables], self.workers, state.step
                    )
                state.is_evaluation_due = "eval" in self.datasets and self._is_due(p.eval_steps)
                if stop:
                    return self._stop(request)
                with speed.paused():
                    if not self._evaluate_and_save(request):
                        return self._stop(request)
        if state.patience is not None and state.patience.is_over:
            self.reporter.say(f"stopped early after step {state.step}: {state.patience}")
        return 0

    def finish(self) -> None:
        """After the last step: the evaluations that ``--mode=eval`` would give, with the weights it
        would take.
        """
        state = self.state
        if state.average is not None:
            state.average.swap()
            state.average = None  # from here on they are the model
        if self.params.restore_best_checkpoint and "eval" in self.datasets:
            self.reporter.say(f"best checkpoint: validation accuracy {state.best_top1:.2%}")
            if self.workers.is_chief:
                checkpoint = session.find_checkpoint(self.config, self.reporter.say)
                variables.assign(self.model.variables, checkpoint.model, "model")
                state.step, state.place = checkpoint.step, place_of(checkpoint.state, self.sampler)
            state.step, state.place = self.workers.broadcast_object((state.step, state.place))
            self.workers.broadcast([v.value for v in self.model.variables])
            self._evaluate("eval")
        accuracy = ""
        if "test" in self.datasets:
            found = self._evaluate("test")
            assert found is not None
            accuracy = f"test accuracy {found.top1:.2%} on {found.n_clips} clips; "
        folder = session.checkpoint_folder(self.config).resolve()
        self.reporter.say(
            f"done: {accuracy}checkpoint in {folder}, logs in {self.logdir.resolve()}"
        )

    def _batches(self) -> Iterator[tuple[tuple[Batch, ...], np.ndarray]]:
        """Yield the batches of all steps that are left, epoch after epoch, and their rows of the
        dataset.
        """
        shuffle = self.config.data_layers["train"].shuffle
        while not self._is_over:
            epoch, row = self.state.place
            plan = self.sampler.for_training(
                self.params.random_seed, epoch, shuffle=shuffle, first_row=row
            )
            for batches, rows in zip(self.data.batches(plan, epoch), plan.rows, strict=True):
                yield batches, rows
                if self._is_over:
                    return

    @property
    def _is_over(self) -> bool:
        """Whether nothing is left to train; also of a run that ended when its last checkpoint had
        just been saved.
        """
        state = self.state
        return state.step >= self.schedule.total or (
            state.patience is not None and state.patience.is_over
        )

    def _rate(self) -> float:
        """Return the learning rate of the next step."""
        factor = 1.0
        if self.params.scale_learning_rate:
            factor = self.sampler.rows_per_step / self.state.first_rows_per_step
        return factor * self.learning_rate(self.state.step)

    def _is_due(self, every: int | None) -> bool:
        """Tell whether something is due that comes every so many steps or at the end of each epoch,
        and at the end.
        """
        is_last = self.state.step == self.schedule.total
        return is_last or (self.state.step % every == 0 if every else self.state.place.row == 0)

    def _evaluate(self, section: str, request: StopRequest | None = None) -> Evaluation | None:
        """Evaluate a section's data with the model as it is; None where a signal came to any
        worker.
        """
        session.sync_statistics(self.model, self.workers)
        p = self.params
        batch_size = p.eval_batch_size_per_gpu or p.batch_size_per_gpu
        with self.state.averaged():
            found = self.evaluator.evaluate(
                self.datasets[section], batch_size, lambda: request is not None and request.is_set
            )
        if found is not None:
            self.reporter.record_evaluation(
                found,
                mode=self.mode,
                split=session.SPLIT_NAMES[section],
                step=self.state.step,
                epoch=self.state.epochs_done,
                version=p.dataset_version,
            )
        return found

    def _evaluate_and_save(self, request: StopRequest) -> bool:
        """Do what is due after a step; False where a signal came to any worker before the
        evaluation was done.
        """
        p, state = self.params, self.state
        was_evaluated = state.is_evaluation_due
        # evaluation first: the checkpoint then knows the best accuracy so far
        if state.is_evaluation_due:
            found = self._evaluate("eval", request)
            if found is None:
                return False
            state.is_evaluation_due = False
            if state.patience is not None:
                state.patience.take(found)
            if found.top1 > state.best_top1:
                state.best_top1 = found.top1
                self._save(session.BEST, 1)
        if self._is_over or self._is_due(p.save_checkpoint_steps):
            self._save(session.LAST, p.num_checkpoints)
        if self.commits is not None and (was_evaluated or state.step % p.elastic_commit_steps == 0):
            self.commits.take(state.to_checkpoint(self._about()))
        return True

    def _save(self, folder: str, keep: int) -> None:
        session.sync_statistics(self.model, self.workers)
        if not self.workers.is_chief:
            return
        try:
            self.reporter.check_logdir()
            path = checkpoints.save(
                self.logdir / folder, self.state.to_checkpoint(self._about()), keep
            )
        except OSError as error:
            raise UserError(
                f"logdir: cannot save a checkpoint in {self.logdir / folder} ({error.strerror or error}); "
                "earlier ones are intact"
            ) from None
        self.reporter.log(f"saved {path}")

    def _about(self) -> dict[str, Any]:
        """Return what a checkpoint says of its run besides its progress."""
        return {
            "labels": list(self.data.labels),
            "blueprint": architecture.draw_up(
                self.config.encoder, self.config.decoder, self.config.data_layers["train"]
            ),
            "dataset_version": self.params.dataset_version,
        }

    def _stop(self, request: StopRequest) -> int:
        self._save(session.LAST, self.params.num_checkpoints)
        step = self.state.step
        self.reporter.say(
            f"stopped after step {step}; the checkpoint is saved, go on with --continue_learning"
        )
        return 128 + (request.signal or signal.SIGINT)
