"""Training: epochs, checkpoints and evaluations around the step."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from open_seq2seq import blueprint, checkpoints, early_stopping, resuming, session, transfer
from open_seq2seq.checkpoints import Checkpoint
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Place, Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation, Evaluator
from open_seq2seq.progress import Progress, Speed
from open_seq2seq.reporting import Reporter
from open_seq2seq.schedule import Schedule
from open_seq2seq.stop_request import StopRequest
from open_seq2seq.structs import Batch
from open_seq2seq.train_step import TrainStep, trained_variables
from open_seq2seq.weight_average import WeightAverage

_DETAILS = {"gradients", "gradient_norm", "larc_summaries"}  # summaries of what a step did to each variable


class Trainer:
    """One training run: its state, and what is done with it."""

    def __init__(
        self,
        config: Config,
        mode: str,
        workers: Workers,
        datasets: dict[str, Dataset],
        logdir: Path,
        reporter: Reporter,
    ) -> None:
        p = self.params = config.params
        self.config, self.mode, self.workers = config, mode, workers
        self.datasets, self.logdir, self.reporter = datasets, logdir, reporter
        self.data = datasets["train"]
        self.sampler = Sampler(len(self.data), p.batch_size_per_gpu, p.iter_size, workers.rank, workers.size)
        self.schedule = Schedule.of(p, self.sampler)
        self.learning_rate = self.schedule.learning_rate(config.lr_policy)

        self.model = session.build_network(config, workers, self.data.shape, len(self.data.labels), reporter)
        frozen = session.frozen_variables(config, self.model)
        self.optimizer = config.optimizer.create()
        self.trained = trained_variables(self.model, frozen)
        self.optimizer.build(self.trained)
        self.scaler = config.loss_scaling.create()
        self.average = WeightAverage(self.trained, p.ema_decay) if p.ema_decay is not None else None
        self.patience = early_stopping.start(p.early_stopping_params, "eval" in datasets, self.data.labels)
        self.train_step = TrainStep(
            self.model,
            config.loss,
            self.optimizer,
            self.scaler,
            workers,
            frozen=frozen,
            max_grad_norm=p.max_grad_norm,
            larc=p.larc_params,
            average=self.average,
            keep_details=not _DETAILS.isdisjoint(p.summaries),
            use_xla_jit=p.use_xla_jit,
        )
        self.evaluator = Evaluator(self.model, config.loss, workers)
        self.step = 0
        self.place = Place()
        self.best_top1 = -1.0

    def find_start(self) -> Checkpoint | None:
        """Return the checkpoint that the chief goes on from, None for a new run, which may take up other weights.

        Raises:
            UserError: there are checkpoints, but none that can be used with this config and data.
        """
        if not self.workers.is_chief:
            return None
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
            matches = transfer.load_weights(source, self.model.weights, self.data.labels, self.reporter.say)
            for line in transfer.describe(matches, source):
                self.reporter.say(line)
            if self.average is not None:
                self.average.restart()
        return checkpoint

    def start_from(self, checkpoint: Checkpoint | None) -> None:
        """Take up the chief's checkpoint, if any, and give all workers the same values."""
        if checkpoint is not None:
            checkpoints.assign(self.model.variables, checkpoint.model, "model")
            checkpoints.assign(self._training_variables(), checkpoint.training, "optimizer")
            if self.average is not None:
                self.average.swap()  # it was written with the averages in the model's place
            if self.patience is not None and checkpoint.state.get("patience"):
                self.patience.restore(checkpoint.state["patience"])
            self.best_top1 = session.best_accuracy(self.logdir, self.reporter.say)
            self.step, self.place = resuming.take_up(
                checkpoint.state, self.sampler, self.schedule, self.params.num_epochs, self.reporter.say
            )
            self.reporter.say(f"continuing from step {self.step}, epoch {self.place.epoch + 1}")
        patience = self.patience.state if self.patience is not None else None
        state = self.workers.broadcast_object((self.step, self.place, self.best_top1, patience))
        self.step, self.place, self.best_top1, patience = state
        if self.patience is not None:
            self.patience.restore(patience)
        self.broadcast()

    def broadcast(self) -> None:
        """Give all workers the chief's variables."""
        self.workers.broadcast([v.value for v in (*self.model.variables, *self.optimizer.variables)])
        session.spread_seeds(self.model, self.workers)
        self.workers.broadcast([*self.scaler.variables, *(self.average.variables if self.average else ())])

    def time_steps(self, n_warm: int) -> float:
        """Train without saving anything and return the seconds of a step, leaving out the first ``n_warm``."""
        started = 0.0
        for batches in self._batches():
            if self.step == n_warm:
                started = time.monotonic()
            metrics, _ = self.train_step(batches, self.learning_rate(self.step))
            metrics.loss.numpy()  # wait for it
            self._count_step()
        return (time.monotonic() - started) / (self.step - n_warm)

    def run(self) -> int:
        """Train to the end, or until a signal; return the exit status."""
        p, total = self.params, self.schedule.total
        self.reporter.say(
            f"training: steps {self.step} to {total}, {self.schedule.steps_per_epoch} an epoch, "
            f"{self.sampler.rows_per_step} clips a step"
        )
        with StopRequest() as request:
            self.reporter.start_bar(total, self.step)
            speed = Speed(self.sampler.rows_per_step)
            names = [variable.path for variable in self.trained]
            progress = Progress(p, self.schedule, self.model, names, self.reporter, speed)
            n_skipped = 0
            for batches in self._batches():
                rate = self.learning_rate(self.step)
                metrics, stop = self.train_step(batches, rate, request.is_set)
                self._count_step()
                n_skipped = n_skipped + 1 if metrics.skipped else 0
                speed.count()
                if self.workers.is_chief:
                    progress.report(self.step, metrics, rate, batches[0], self.data.labels)
                if n_skipped >= p.max_skipped_steps:
                    raise UserError(
                        f"training diverged: the gradients of the last {n_skipped} steps were not finite; lower the "
                        "learning rate or the loss scale, or look at the data. The last checkpoint is intact"
                    )
                if p.check_ranks_steps and self.step % p.check_ranks_steps == 0:
                    session.check_ranks([*self.trained, *self.optimizer.variables], self.workers, self.step)
                if stop:
                    return self._stop(request)
                with speed.paused():
                    self._save_and_evaluate(is_last=self.step == total)
        if self.patience is not None and self.patience.is_over:
            self.reporter.say(f"stopped early after step {self.step}: {self.patience}")
        return 0

    def evaluate(self, section: str) -> Evaluation:
        """Evaluate a section's data with the model as it is."""
        session.sync_statistics(self.model, self.workers)
        p = self.params
        with self._averaged():
            found = self.evaluator.evaluate(self.datasets[section], p.eval_batch_size_per_gpu or p.batch_size_per_gpu)
        self.reporter.record_evaluation(
            found,
            mode=self.mode,
            split=session.SPLIT_NAMES[section],
            step=self.step,
            epoch=resuming.epochs_done(self.place, self.sampler),
            version=p.dataset_version,
        )
        return found

    def finish(self) -> None:
        """After the last step: the evaluations that ``--mode=eval`` would give, with the weights it would take."""
        if self.average is not None:
            self.average.swap()
            self.average = None  # from here on they are the model
        if self.params.restore_best_checkpoint and "eval" in self.datasets:
            self.reporter.say(f"best checkpoint: validation accuracy {self.best_top1:.2%}")
            if self.workers.is_chief:
                checkpoint = session.find_checkpoint(self.config, self.reporter.say)
                checkpoints.assign(self.model.variables, checkpoint.model, "model")
                self.step, self.place = checkpoint.step, resuming.place_of(checkpoint.state, self.sampler)
            self.step, self.place = self.workers.broadcast_object((self.step, self.place))
            self.workers.broadcast([v.value for v in self.model.variables])
            self.evaluate("eval")
        accuracy = ""
        if "test" in self.datasets:
            found = self.evaluate("test")
            accuracy = f"test accuracy {found.top1:.2%} on {found.n_clips} clips; "
        folder = session.checkpoint_folder(self.config).resolve()
        self.reporter.say(f"done: {accuracy}checkpoint in {folder}, logs in {self.logdir.resolve()}")

    def _batches(self) -> Iterator[tuple[Batch, ...]]:
        """Yield the batches of all steps that are left, epoch after epoch."""
        shuffle = self.config.data_layers["train"].shuffle
        while not self._is_over:
            epoch, row = self.place
            plan = self.sampler.for_training(self.params.random_seed, epoch, shuffle=shuffle, first_row=row)
            for batches in self.data.batches(plan, epoch):
                yield batches
                if self._is_over:
                    return

    @property
    def _is_over(self) -> bool:
        """Whether nothing is left to train; also of a run that ended when its last checkpoint had just been saved."""
        return self.step >= self.schedule.total or (self.patience is not None and self.patience.is_over)

    def _count_step(self) -> None:
        self.step += 1
        self.place = self.sampler.after_step(self.place)

    def _is_due(self, every: int | None) -> bool:
        """Tell whether something is due that comes every so many steps, or else at the end of each epoch."""
        return self.step % every == 0 if every else self.place.row == 0

    def _save_and_evaluate(self, *, is_last: bool) -> None:
        p = self.params
        # evaluation first: the checkpoint then knows the best accuracy so far
        if "eval" in self.datasets and (is_last or self._is_due(p.eval_steps)):
            found = self.evaluate("eval")
            if self.patience is not None:
                self.patience.take(found)
            if found.top1 > self.best_top1:
                self.best_top1 = found.top1
                self._save(session.BEST, 1)
        if self._is_over or self._is_due(p.save_checkpoint_steps):
            self._save(session.LAST, p.num_checkpoints)

    def _save(self, folder: str, keep: int) -> None:
        session.sync_statistics(self.model, self.workers)
        if not self.workers.is_chief:
            return
        with self._averaged():
            model = checkpoints.named_values(self.model.variables)
            training = checkpoints.named_values(self._training_variables())
        checkpoint = Checkpoint(
            model=model,
            training=training,
            state={
                "step": self.step,
                **resuming.describe(self.place, self.sampler),
                "best_top1": self.best_top1,
                "patience": self.patience.state if self.patience is not None else None,
                "labels": list(self.data.labels),
                "blueprint": blueprint.draw_up(
                    self.config.encoder, self.config.decoder, self.config.data_layers["train"]
                ),
                "dataset_version": self.params.dataset_version,
            },
        )
        try:
            self.reporter.check_logdir()
            path = checkpoints.save(self.logdir / folder, checkpoint, keep)
        except OSError as error:
            raise UserError(
                f"logdir: cannot save a checkpoint in {self.logdir / folder} ({error.strerror or error}); "
                "earlier ones are intact"
            ) from None
        self.reporter.log(f"saved {path}")

    def _training_variables(self) -> list[Any]:
        averages = self.average.variables if self.average is not None else []
        return [*self.optimizer.variables, *self.scaler.variables, *averages]

    def _averaged(self) -> contextlib.AbstractContextManager:
        """Within this, the model has the moving averages of its weights, if the run keeps them."""
        return self.average.applied() if self.average is not None else contextlib.nullcontext()

    def _stop(self, request: StopRequest) -> int:
        self._save(session.LAST, self.params.num_checkpoints)
        self.reporter.say(f"stopped after step {self.step}; the checkpoint is saved, go on with --continue_learning")
        return 128 + (request.signal or signal.SIGINT)
