"""Distillation: a run that also learns from the probabilities of a trained model."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Params, PathText


class Distillation(Params):
    """Part of the loss is how far the probabilities are from those of a trained model, the teacher.

    It is the teacher's Kullback-Leibler divergence at a temperature T, times T squared.
    """

    teacher: PathText = Field(description="Logdir or checkpoint of the teacher.")
    weight: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Fraction of the training loss that is the distance to the teacher; the rest "
        "is the config's loss.",
    )
    temperature: float = Field(
        default=2.0,
        gt=0,
        description="Temperature T: logits of both are divided by it, so that above 1 small "
        "probabilities count more.",
    )
