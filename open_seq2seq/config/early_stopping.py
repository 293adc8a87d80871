"""Early stopping: when a run ends because its validation no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.config.metric import EXPECTED, check_metric, check_metric_of_run, value_of
from open_seq2seq.errors import UserError, counted

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # needs pandas, which takes half a second


class Patience(Params):
    """What early stopping remembers of a run's evaluations."""

    best: float | None = Field(
        default=None,
        description="Best value so far, the negative for a loss; None before the first.",
    )
    n_waited: int = Field(default=0, ge=0, description="Evaluations since the best value.")


class EarlyStopping(Params):
    """Training ends after ``patience`` consecutive evaluations without a new best ``metric``."""

    metric: Text = Field(default="top1", description=f"Validation metric: {EXPECTED}.")
    patience: int = Field(gt=0, description="Evaluations without a new best value.")
    min_delta: float = Field(
        default=0.0, ge=0, description="Smallest improvement that counts as a new best value."
    )

    @field_validator("metric")
    @classmethod
    def _is_known(cls, metric: str) -> str:
        return check_metric(metric)

    def check(self, labels: tuple[str, ...], *, is_evaluated: bool, has_tracks: bool) -> None:
        """Refuse a run that never evaluates, or that cannot measure the metric."""
        if not is_evaluated:
            raise UserError(
                "early_stopping_params: nothing is evaluated in --mode=train; use --mode=train_eval"
            )
        key = "early_stopping_params/metric"
        check_metric_of_run(self.metric, key, labels, has_tracks=has_tracks)

    def after(self, patience: Patience, evaluation: Evaluation) -> Patience:
        """Return the state after one more evaluation; NaN is no improvement."""
        value = value_of(self.metric, evaluation)
        best = float("-inf") if patience.best is None else patience.best
        if value > best + self.min_delta:
            return Patience(best=value)
        return patience.model_copy(update={"n_waited": patience.n_waited + 1})

    def is_over(self, patience: Patience) -> bool:
        """Tell whether training ends."""
        return patience.n_waited >= self.patience

    def describe(self, patience: Patience) -> str:
        """Return the reason for an early end."""
        best = "not a number"
        if patience.best is not None:
            best = f"{abs(patience.best):.4f} or worse"
        n_waited = counted(patience.n_waited, "evaluation")
        return f"{self.metric} of validation has been {best} for {n_waited}"
