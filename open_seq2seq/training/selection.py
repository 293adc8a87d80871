"""Which model of a run is the best one."""

from __future__ import annotations

import logging
from pathlib import Path

from open_seq2seq.config.metric import value_of
from open_seq2seq.evaluation import Evaluation
from open_seq2seq.storage import logdir
from open_seq2seq.storage.progress import Progress

logger = logging.getLogger(__name__)


class Selection:
    """The model with the highest value of a metric, the first of equal ones."""

    def __init__(self, metric: str) -> None:
        """Choose by a metric; see `config.metric`."""
        self._metric = metric

    def after(
        self, progress: Progress, evaluation: Evaluation, *, or_equal: bool = False
    ) -> tuple[Progress, bool]:
        """Return the progress after an evaluation, and whether its model is the best one so far.

        Args:
            progress: before it.
            evaluation: of the model. Where outputs are not finite, their label is the first one,
                which can be right: such a model is never the best.
            or_equal: whether a model as good as the best one takes its place.
        """
        score = value_of(self._metric, evaluation)
        if evaluation.n_non_finite or score != score:
            return progress.replace(score=None), False
        progress = progress.replace(score=score)
        best = float("-inf") if progress.best_score is None else progress.best_score
        if not (score > best or (or_equal and score == best)):
            return progress, False
        update = {"best_top1": evaluation.top1, "best_score": score, "best_metric": self._metric}
        return progress.replace(**update), True

    def resumed(self, progress: Progress, folder: Path) -> Progress:
        """Return the progress of a run that continues, with the scores of its best model.

        Not those of the checkpoint: the best model may be newer than it, or gone.

        Args:
            progress: of the checkpoint.
            folder: logdir of the run.
        """
        best = logdir.best_progress(folder)
        progress = progress.replace(best_top1=best.best_top1, best_score=best.best_score)
        if best.best_top1 < 0:
            return progress
        if best.best_metric != self._metric:
            logger.warning(
                f"best_metric: {self._metric}, and the best model so far was chosen by "
                f"{best.best_metric}; the next evaluation is the best one, whatever its value"
            )
            return progress.replace(best_score=None)
        if best.best_score is None:  # before there were other metrics than the accuracy
            return progress.replace(best_score=best.best_top1)
        return progress
