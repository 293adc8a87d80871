"""Early stopping: when a run ends because its validation no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.errors import UserError, counted

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # needs pandas, which takes half a second

_METRICS = ("loss", "top1", "top5")
_RECALL = "recall/"


class Patience(Params):
    """What early stopping remembers of a run's evaluations."""

    best: float | None = Field(
        default=None,
        description="Best value so far, the negative for a loss; None before the first.",
    )
    n_waited: int = Field(default=0, ge=0, description="Evaluations since the best value.")


class EarlyStopping(Params):
    """Training ends after ``patience`` consecutive evaluations without a new best ``metric``."""

    metric: Text = Field(
        default="top1", description="Validation metric: loss, top1, top5, or recall/<label>."
    )
    patience: int = Field(gt=0, description="Evaluations without a new best value.")
    min_delta: float = Field(
        default=0.0, ge=0, description="Smallest improvement that counts as a new best value."
    )

    @field_validator("metric")
    @classmethod
    def _is_known(cls, metric: str) -> str:
        if metric not in _METRICS and not metric.startswith(_RECALL):
            raise ValueError(f"expected 'loss', 'top1', 'top5' or 'recall/<label>', got {metric!r}")
        return metric

    def check(self, labels: tuple[str, ...], *, is_evaluated: bool) -> None:
        """Refuse a run that never evaluates, and the recall of a label that the data lacks."""
        if not is_evaluated:
            raise UserError(
                "early_stopping_params: nothing is evaluated in --mode=train; use --mode=train_eval"
            )
        label = self.metric.removeprefix(_RECALL)
        if self.metric.startswith(_RECALL) and label not in labels:
            raise UserError(
                f"early_stopping_params/metric: no label {label!r}; the labels are "
                f"{' '.join(labels)}"
            )

    def after(self, patience: Patience, evaluation: Evaluation) -> Patience:
        """Return the state after one more evaluation; NaN is no improvement."""
        value = self._value(evaluation)
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

    def _value(self, evaluation: Evaluation) -> float:
        """Return what should grow: the metric, or the negative loss."""
        if self.metric.startswith(_RECALL):
            return evaluation.recall[self.metric.removeprefix(_RECALL)] or 0.0
        value = getattr(evaluation, self.metric)
        return -value if self.metric == "loss" else value
