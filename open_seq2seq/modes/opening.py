"""The model of a run, for the modes that use one."""

from __future__ import annotations

from pathlib import Path

from open_seq2seq.config import Config
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.pretrained.model import PretrainedModel, load_model


def open_model(run: Config | TrainedRun) -> PretrainedModel:
    """Return the trained model that a config or the command line alone names.

    Raises:
        UserError: there is none, or it does not fit.
    """
    if isinstance(run, TrainedRun):
        model = load_model(Path(run.logdir), best=run.restore_best_checkpoint)
        return model.reading_as(run.data_layer_params)
    best = run.params.restore_best_checkpoint
    return load_model(Path(run.params.logdir), run, best=best)
