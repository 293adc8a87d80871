"""Typed records of a run: how far it has come, and what its network and labels are."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.config.early_stopping import Patience
from open_seq2seq.data.dataset_versions import UNKNOWN, merged_classes
from open_seq2seq.data.sampler import DataPosition
from open_seq2seq.structs import MergedClasses

# fields of formats 1 and 2 that are what they were
_KEPT = (
    "step",
    "best_top1",
    "n_rows",
    "rows_per_step",
    "first_rows_per_step",
    "n_processes",
    "is_evaluation_due",
    "patience",
)


class Progress(Params):
    """All that a run needs, besides its variables, to continue as if it had not stopped.

    It is broadcast whole and saved whole. A new field with a default needs no other line.
    """

    step: int = Field(default=0, ge=0, description="Steps taken.")
    epoch: int = Field(default=0, ge=0, description="Epoch of the next step, from 0.")
    row: int = Field(default=0, ge=0, description="Rows of that epoch's order that are done.")
    n_rows: int | None = Field(default=None, gt=0, description="Rows of the training data.")
    rows_per_step: int | None = Field(
        default=None,
        gt=0,
        description="Rows of a step over all processes; None: a row stands for a whole step.",
    )
    first_rows_per_step: int | None = Field(
        default=None, gt=0, description="Rows of a step when the run began."
    )
    n_processes: int = Field(default=1, gt=0, description="Processes that share the steps.")
    best_top1: float = Field(
        default=-1.0,
        description="Validation accuracy of the best model; -1 before the first evaluation.",
    )
    best_score: float | None = Field(
        default=None,
        description="Best value of best_metric, the negative for a loss; None before the first, "
        "or where only the accuracy was known.",
    )
    best_metric: Text = Field(default="top1", description="Metric that best_score is a value of.")
    score: float | None = Field(
        default=None, description="Value of best_metric at the last evaluation; None before it."
    )
    is_evaluation_due: bool = Field(
        default=False, description="Whether the evaluation after the last step is not done yet."
    )
    has_new_statistics: bool = Field(
        default=False,
        description="Whether BatchNorm's moving statistics began as those of a new network, which "
        "the first steps forget sooner.",
    )
    n_skipped: int = Field(
        default=0, ge=0, description="Last consecutive steps that were skipped as not finite."
    )
    patience: Patience = Field(default=Patience(), description="State of early stopping.")

    @property
    def position(self) -> DataPosition:
        """Data position of the next step."""
        return DataPosition(self.epoch, self.row)

    @property
    def epochs_done(self) -> float:
        """Epochs done, with the fraction of the current one."""
        if self.n_rows is None:
            return float(self.epoch)
        return self.epoch + self.row / self.n_rows

    def replace(self, **changes: Any) -> Progress:
        """Return a copy with some fields changed."""
        return self.model_copy(update=changes)


class RunInfo(Params):
    """What a checkpoint says of the run that wrote it."""

    labels: tuple[Text, ...] = Field(description="Labels, in the order of the network's outputs.")
    classes: tuple[Text, ...] = Field(
        default=(),
        description="Words of the label unknown that are classes of their own, the last outputs of "
        "the network.",
    )
    dataset_version: str = Field(default="", description="Version of the training data.")
    architecture: dict[str, Any] | None = Field(
        default=None,
        description="Network and front end (see architecture.py); None: they need the config file.",
    )
    front_end: dict[str, Any] | None = Field(
        default=None,
        description="Front end in effect, by key; None: that of the architecture, if there is one.",
    )
    manifests: dict[str, list[Text]] = Field(
        default={},
        description="Absolute paths of the manifests, by the section of the config that has them.",
    )
    imported_from: Text | None = Field(
        default=None, description="Toolkit and file that the weights were imported from."
    )

    @field_validator("labels", "classes", mode="before")
    @classmethod
    def _as_tuple(cls, names: Any) -> Any:
        return tuple(names) if isinstance(names, list) else names  # JSON has lists only

    @model_validator(mode="after")
    def _check_classes(self) -> RunInfo:
        if self.classes and UNKNOWN not in self.labels:
            raise ValueError(f"classes are words of {UNKNOWN!r}, which is no label")
        return self

    @property
    def merged(self) -> MergedClasses | None:
        """Classes of the network beyond the labels, None if there are none."""
        return merged_classes(self.labels, self.classes)


def upgrade(state: dict[str, Any], version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of `Progress` and `RunInfo` in the state of a checkpoint of any format.

    Formats 1 and 2 kept both in one dictionary. Format 1 counted the data position in steps and
    did not say how many rows a step had.
    """
    if version >= 3:
        return state["progress"], state["info"]
    info: dict[str, Any] = {
        name: state[name] for name in ("dataset_version", "imported_from") if name in state
    }
    info |= {"labels": state["labels"], "architecture": state.get("blueprint")}
    progress: dict[str, Any] = {name: state[name] for name in _KEPT if name in state}
    if state.get("patience") is None:
        progress.pop("patience", None)
    if "place" in state:
        progress["epoch"], progress["row"] = state["place"]
    elif "steps_per_epoch" in state:
        progress["n_rows"] = state["steps_per_epoch"]
        progress["epoch"], progress["row"] = divmod(state["step"], state["steps_per_epoch"])
    return progress, info
