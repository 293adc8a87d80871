"""Averaging of checkpoints: the mean of several models of a run is often better than each."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from open_seq2seq.components import Params


class CheckpointAverage(Params):
    """At the end of a run the weights of several of its checkpoints are averaged and evaluated.

    Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018. The
    result is in averaged_models; where it is at least as good as the best model, it is the best.
    """

    num_checkpoints: int = Field(
        default=10, gt=1, description="Number of evaluated models that are averaged."
    )
    which: Literal["best", "last"] = Field(
        default="best",
        description="Which models are averaged: those with the best values of best_metric, or the "
        "last ones.",
    )
