"""All that a run changes while it trains, as one thing that is saved, taken up and shared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from open_seq2seq import session
from open_seq2seq.data.sampler import Place, Sampler
from open_seq2seq.distributed import Workers
from open_seq2seq.optimizers.loss_scaling import LossScaler
from open_seq2seq.storage import variables
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.training import resuming
from open_seq2seq.training.early_stopping import Patience
from open_seq2seq.training.schedule import Schedule
from open_seq2seq.training.weight_average import WeightAverage


class RunState:
    """The variables, the step, the place in the data, and what the evaluations have found.

    Attributes:
        step: steps taken.
        place: in the data, of the next step.
        best_top1: best validation accuracy, -1 before the first.
        is_evaluation_due: the step's evaluation has not been done yet: a signal came before it, or
            in its middle.
        first_rows_per_step: clips of a step when the run began.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        scaler: LossScaler,
        average: WeightAverage | None,
        patience: Patience | None,
        sampler: Sampler,
    ) -> None:
        self.model, self.optimizer, self.scaler = model, optimizer, scaler
        self.average, self.patience, self._sampler = average, patience, sampler
        self.step, self.place, self.best_top1 = 0, Place(), -1.0
        self.is_evaluation_due = False
        self.first_rows_per_step = sampler.rows_per_step

    def count_step(self) -> None:
        """Go on to the next step."""
        self.step += 1
        self.place = self._sampler.after_step(self.place)

    @property
    def epochs_done(self) -> float:
        return resuming.epochs_done(self.place, self._sampler)

    def to_checkpoint(self, about: dict[str, Any]) -> Checkpoint:
        """Return a copy of it all; ``about`` is what else a checkpoint says of its run."""
        with self.averaged():
            model = variables.values_of(self.model.variables)
            training = variables.values_of(self._training_variables())
        progress = {
            "step": self.step,
            **resuming.describe(self.place, self._sampler),
            "first_rows_per_step": self.first_rows_per_step,
            "best_top1": self.best_top1,
            "is_evaluation_due": self.is_evaluation_due,
            "patience": self.patience.state if self.patience is not None else None,
        }
        return Checkpoint(model, training, {**progress, **about})

    def take_up(
        self,
        checkpoint: Checkpoint,
        schedule: Schedule,
        n_epochs: int | None,
        report: Callable[[str], None],
    ) -> None:
        """Go on from a checkpoint; `resuming.take_up` says how where the steps are of another size.

        The best accuracy is not taken from it: the best model may be newer, or gone.

        Raises:
            UserError: it does not fit the model or the optimizer.
        """
        state = checkpoint.state
        variables.assign(self.model.variables, checkpoint.model, "model")
        variables.assign(self._training_variables(), checkpoint.training, "optimizer")
        if self.average is not None:
            self.average.swap()  # it was written with the averages in the model's place
        if self.patience is not None and state.get("patience"):
            self.patience.restore(state["patience"])
        self.is_evaluation_due = state.get("is_evaluation_due", False)
        self.first_rows_per_step = state.get("first_rows_per_step", self._sampler.rows_per_step)
        self.step, self.place = resuming.take_up(state, self._sampler, schedule, n_epochs, report)

    def share(self, workers: Workers) -> None:
        """Give all workers the chief's."""
        patience = self.patience.state if self.patience is not None else None
        progress = (
            self.step,
            self.place,
            self.best_top1,
            self.is_evaluation_due,
            self.first_rows_per_step,
        )
        progress, patience = workers.broadcast_object((progress, patience))
        self.step, self.place, self.best_top1, self.is_evaluation_due, self.first_rows_per_step = (
            progress
        )
        if self.patience is not None:
            self.patience.restore(patience)
        workers.broadcast([v.value for v in (*self.model.variables, *self.optimizer.variables)])
        session.spread_seeds(self.model, workers)
        workers.broadcast(
            [*self.scaler.variables, *(self.average.variables if self.average else ())]
        )

    def averaged(self) -> contextlib.AbstractContextManager:
        """Within this, the model has the moving averages of its weights, if the run keeps them."""
        return self.average.applied() if self.average is not None else contextlib.nullcontext()

    def _training_variables(self) -> list[Any]:
        averages = self.average.variables if self.average is not None else []
        return [*self.optimizer.variables, *self.scaler.variables, *averages]
