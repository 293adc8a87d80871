"""Parameters of early stopping: when a run ends because validation no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from open_seq2seq.components import Params
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # pandas, which it needs, takes half a second

_METRICS = ("loss", "top1", "top5")
_RECALL = "recall/"


class EarlyStopping(Params):
    """Training ends after ``patience`` consecutive evaluations without a new best ``metric``."""

    metric: str = Field(
        default="top1",
        description="Metric of the validation data: loss, top1, top5, or recall/<label>.",
    )
    patience: int = Field(
        gt=0, description="Number of evaluations without a new best value that ends the run."
    )
    min_delta: float = Field(
        default=0.0, ge=0, description="Smallest improvement that makes a new best value."
    )

    @field_validator("metric")
    @classmethod
    def _is_known(cls, metric: str) -> str:
        if metric not in _METRICS and not metric.startswith(_RECALL):
            raise ValueError(f"expected 'loss', 'top1', 'top5' or 'recall/<label>', got {metric!r}")
        return metric

    def check(self, labels: tuple[str, ...]) -> None:
        """Refuse the recall of a label that the data does not have."""
        label = self.metric.removeprefix(_RECALL)
        if self.metric.startswith(_RECALL) and label not in labels:
            raise UserError(
                f"early_stopping_params/metric: no label {label!r}; "
                f"the labels are {' '.join(labels)}"
            )

    def value(self, evaluation: Evaluation) -> float:
        """Return what is to grow: the metric, or the negative loss."""
        if self.metric.startswith(_RECALL):
            return evaluation.recall[self.metric.removeprefix(_RECALL)] or 0.0
        value = getattr(evaluation, self.metric)
        if self.metric == "loss":
            return -value
        return value
