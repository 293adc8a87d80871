"""All that a run changes while it trains, as one thing that is saved, resumed and shared."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from open_seq2seq.data.sampler import Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.distributed.replicas import spread_seeds
from open_seq2seq.errors import UserError, counted, listed
from open_seq2seq.optimizers.loss_scaling import LossScaler
from open_seq2seq.storage import variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.progress import Progress, RunInfo
from open_seq2seq.structs import KerasModel, Variable
from open_seq2seq.training.schedule import Schedule
from open_seq2seq.training.weight_average import WeightAverage

logger = logging.getLogger(__name__)


class RunState:
    """The variables of a run, and its progress.

    Attributes:
        progress: step, data position, and what the evaluations have found.
    """

    def __init__(
        self,
        model: KerasModel,
        optimizer: Any,
        scaler: LossScaler,
        average: WeightAverage | None,
        sampler: Sampler,
    ) -> None:
        self.model, self.optimizer, self.scaler = model, optimizer, scaler
        self.average = average
        self._sampler = sampler
        self.progress = Progress(
            n_rows=sampler.n_rows,
            rows_per_step=sampler.rows_per_step,
            first_rows_per_step=sampler.rows_per_step,
            n_processes=sampler.size,
            has_new_statistics=True,
        )

    @property
    def step(self) -> int:
        return self.progress.step

    def update(self, **changes: Any) -> None:
        """Change fields of the progress."""
        self.progress = self.progress.replace(**changes)

    def count_step(self) -> None:
        """Count a step and move the data position behind its rows."""
        epoch, row = self._sampler.after_step(self.progress.position)
        self.update(step=self.step + 1, epoch=epoch, row=row)

    def to_checkpoint(self, info: RunInfo) -> Checkpoint:
        """Return a copy of it all."""
        with self.averaged():
            return Checkpoint(
                variables.values_of(self.model.variables),
                variables.values_of(self._training_variables()),
                self.progress,
                info,
            )

    def resume(self, checkpoint: Checkpoint, schedule: Schedule, n_epochs: int | None) -> None:
        """Continue from a checkpoint, at its data position even where steps are of another size.

        Args:
            checkpoint: of this run, with any number of processes.
            schedule: of the run that continues.
            n_epochs: length of that run, None for one whose length is in steps.

        Raises:
            UserError: it does not fit the model or the optimizer.
        """
        variables.assign(self.model.variables, checkpoint.model, "model")
        variables.assign(self._training_variables(), checkpoint.training, "optimizer")
        if self.average is not None:
            self.average.swap()  # it was written with the averages in the model's place
        self.progress = resumed(checkpoint.progress, self._sampler, schedule, n_epochs)

    def share(self, workers: Workers) -> None:
        """Give all workers the chief's."""
        self.progress = workers.broadcast_object(self.progress)
        workers.broadcast([v.value for v in (*self.model.variables, *self.optimizer.variables)])
        spread_seeds(self.model, workers)
        averages = self.average.variables if self.average else ()
        workers.broadcast([*self.scaler.variables, *averages])

    def check_finite(self) -> None:
        """Refuse weights that are lost, before they replace better ones in a checkpoint.

        Raises:
            UserError: some hold NaN or infinity; raised on all workers, which have the same ones.
        """
        weights = variables.values_of(self.model.variables)
        names = variables.non_finite(weights)
        if names:
            raise UserError(
                f"training diverged: NaN or infinity in {len(names)} of "
                f"{counted(len(weights), 'variable')} after step {self.step}:{listed(names, 5)}\n"
                "They are not saved, and earlier checkpoints are intact; lower the learning rate"
            )

    def averaged(self) -> contextlib.AbstractContextManager:
        """Within this, the model has the EMA of its weights, if the run keeps one."""
        return self.average.applied() if self.average is not None else contextlib.nullcontext()

    def _training_variables(self) -> list[Variable]:
        averages = self.average.variables if self.average is not None else []
        return [*self.optimizer.variables, *self.scaler.variables, *averages]


def resumed(
    progress: Progress, sampler: Sampler, schedule: Schedule, n_epochs: int | None
) -> Progress:
    """Return a checkpoint's progress for a run whose steps may be of another size.

    The data position stays. The steps of a run of epochs are counted anew from its end: learning
    rate and length continue as if the run had always been like this. What differs is logged.
    """
    if progress.rows_per_step is None:  # the position is in steps, and nothing says their size
        progress = progress.replace(
            row=progress.row * sampler.rows_per_step,
            n_rows=sampler.n_rows,
            rows_per_step=sampler.rows_per_step,
            n_processes=sampler.size,
        )
    position, step = progress.position, progress.step
    old, new = (progress.n_rows, progress.rows_per_step), (sampler.n_rows, sampler.rows_per_step)
    if sampler.n_rows != progress.n_rows:
        position = position._replace(row=min(position.row, sampler.n_rows - 1))
    if old != new and n_epochs is not None:
        step = max(0, schedule.total - sampler.steps_left(position, n_epochs))
    after = progress.replace(
        step=step,
        epoch=position.epoch,
        row=position.row,
        n_rows=sampler.n_rows,
        rows_per_step=sampler.rows_per_step,
        first_rows_per_step=progress.first_rows_per_step or sampler.rows_per_step,
        n_processes=sampler.size,
    )
    difference = _describe_difference(progress, after)
    if difference:
        logger.warning(difference)
    return after


def _describe_difference(before: Progress, after: Progress) -> str:
    """Return what is different in the run that continues, and what follows; "" for nothing."""
    changes, consequences = [], ["the run continues at the same data position"]
    if before.position != after.position:
        consequences = [f"the run continues with the last row of epoch {after.epoch + 1}"]
    if before.step != after.step:
        consequences.append(f"which is step {after.step} now and was step {before.step}")
    if before.n_rows != after.n_rows:
        changes.append(
            f"the data had {counted(before.n_rows or 0, 'row')} and has {after.n_rows} now"
        )
        consequences.append("in this epoch some clips may be seen twice or not at all")
    if before.rows_per_step != after.rows_per_step:
        clips = counted(before.rows_per_step or 0, "clip")
        changes.append(f"a step was {clips} and is {after.rows_per_step} now")
    elif before.n_processes != after.n_processes:
        processes = _processes(before.n_processes), _processes(after.n_processes)
        changes.append("the run had {} and has {} now".format(*processes))
    if not changes:
        return ""
    if before.n_rows == after.n_rows:
        consequences.append("its sums round differently")
    return f"{' and '.join(changes)}: {', '.join(consequences)}"


def _processes(n: int) -> str:
    if n == 1:
        return "one process"
    return f"{n} processes"
