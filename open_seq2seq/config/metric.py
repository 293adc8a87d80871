"""The validation metric that says which model of a run is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # needs pandas, which takes half a second

FALSE_ACCEPTS = "false_accepts"
_NAMES = ("loss", "top1", "top5", "mean_recall", FALSE_ACCEPTS)
_RECALL = "recall/"
EXPECTED = "loss, top1, top5, mean_recall, recall/<label>, or false_accepts"


def check_metric(metric: str) -> str:
    """Return the name of a metric.

    Raises:
        ValueError: it is none.
    """
    if metric not in _NAMES and not metric.startswith(_RECALL):
        raise ValueError(f"expected {EXPECTED}, got {metric!r}")
    return metric


def check_metric_of_run(
    metric: str, key: str, labels: tuple[str, ...], *, has_tracks: bool
) -> None:
    """Refuse what a run cannot measure.

    Args:
        metric: its name.
        key: where the config names it.
        labels: that the data has.
        has_tracks: whether there are validation tracks.

    Raises:
        UserError: the recall of a label that the data lacks, or false accepts without tracks.
    """
    label = metric.removeprefix(_RECALL)
    if metric.startswith(_RECALL) and label not in labels:
        raise UserError(f"{key}: no label {label!r}; the labels are {' '.join(labels)}")
    if metric == FALSE_ACCEPTS and not has_tracks:
        raise UserError(
            f"{key}: {FALSE_ACCEPTS} are counted on validation tracks; name them in "
            "validation_tracks_params"
        )


def value_of(metric: str, evaluation: Evaluation) -> float:
    """Return what should grow: the metric, or the negative loss.

    For false accepts it is the recall at the wanted rate of them.
    """
    if metric.startswith(_RECALL):
        return evaluation.recall[metric.removeprefix(_RECALL)] or 0.0
    if metric == FALSE_ACCEPTS:
        return evaluation.detection.recall if evaluation.detection is not None else 0.0
    value = getattr(evaluation, metric)
    return -value if metric == "loss" else value
