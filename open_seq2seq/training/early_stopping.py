"""Ending a run when its validation stops getting better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from open_seq2seq.config.early_stopping import EarlyStopping
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # pandas, which it needs, takes half a second


class Patience:
    """What early stopping remembers of a run's evaluations."""

    def __init__(self, params: EarlyStopping) -> None:
        self._params = params
        self.best = float("-inf")
        self.n_waited = 0

    def take(self, found: Evaluation) -> None:
        """Take note of an evaluation; a value that is not a number is no gain."""
        value = self._params.value(found)
        if value > self.best + self._params.min_delta:
            self.best, self.n_waited = value, 0
        else:
            self.n_waited += 1

    def __str__(self) -> str:
        best = abs(self.best) if self._params.metric == "loss" else self.best
        return f"{self._params.metric} of validation has been {best:.4f} or worse for {self.n_waited} evaluations"

    @property
    def is_over(self) -> bool:
        return self.n_waited >= self._params.patience

    @property
    def state(self) -> dict[str, float | None]:
        """What a checkpoint keeps; JSON has no infinity."""
        return {"best": self.best if math.isfinite(self.best) else None, "n_waited": self.n_waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self.best = float("-inf") if state["best"] is None else state["best"]
        self.n_waited = state["n_waited"]


def start(
    params: EarlyStopping | None, is_evaluated: bool, labels: tuple[str, ...]
) -> Patience | None:
    """Return what a run with these parameters begins with, None for one that does not stop early.

    Raises:
        UserError: the run never evaluates, or the data has no such label.
    """
    if params is None:
        return None
    if not is_evaluated:
        raise UserError(
            "early_stopping_params: nothing is evaluated in --mode=train; use --mode=train_eval"
        )
    params.check(labels)
    return Patience(params)
