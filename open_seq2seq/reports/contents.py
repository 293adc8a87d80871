"""What a report says, in JSON's types: one source for the page, the text and the comparison."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np

from open_seq2seq.errors import UserError
from open_seq2seq.reports.cohorts import groupings
from open_seq2seq.reports.labels import Fraction, confusion, score_labels
from open_seq2seq.reports.recorded import SPLITS, Evaluated, Recorded
from open_seq2seq.reports.reliability import reliability
from open_seq2seq.storage import logdir as logdirs
from open_seq2seq.storage.checkpoints import Checkpoint

_MOST_POINTS = 400  # of a curve
_MISHEARD = 24  # that are listed


def contents_of(recorded: Recorded) -> dict[str, Any]:
    """Return the contents of a report.

    Args:
        recorded: all that is known of a run.
    """
    checkpoint = _checkpoint(recorded)
    return {
        "name": recorded.logdir.resolve().name,
        "logdir": str(recorded.logdir.resolve()),
        "splits": {split: _split(each) for split, each in recorded.evaluations.items()},
        "metrics": _last_metrics(recorded),
        "training": thinned(recorded.training),
        "validation": validation_of(recorded),
        "detection": recorded.detection,
        "det_curves": [_det(curve) for curve in recorded.curves[:1]],
        "model": _model(recorded, checkpoint),
        "speed": _speed(recorded),
        "runs": [start.model_dump() for start in recorded.starts],
        "missing": list(recorded.missing),
    }


def _split(evaluated: Evaluated) -> dict[str, Any]:
    saved, clips = evaluated
    counts = confusion(clips, saved.labels)
    is_right = (clips["label"] == clips["prediction"]).to_numpy()
    wrong = clips[~is_right].sort_values("probability", ascending=False, kind="stable")
    trust = reliability(clips["probability"].to_numpy(float), is_right)
    accuracy = Fraction.of(int(is_right.sum()), len(clips))
    assert accuracy is not None
    return {
        "evaluation": saved.model_dump(),
        "accuracy": accuracy._asdict(),
        "mean_recall": _mean_recall(counts),
        "labels": [
            {
                "label": each.label,
                **{
                    name: value and value._asdict()
                    for name, value in each._asdict().items()
                    if name != "label"
                },
            }
            for each in score_labels(counts, saved.labels)
        ],
        "confusion": counts.tolist(),
        "reliability": {
            "bins": [each._asdict() for each in trust.bins],
            "expected_calibration_error": trust.error,
        },
        "cohorts": [
            {
                "title": group.title,
                "note": group.note,
                "cohorts": [
                    {"name": each.name, **each.accuracy._asdict()} for each in group.cohorts
                ],
            }
            for group in groupings(clips)
        ],
        "misheard": [
            {
                name: _plain(row[name])
                for name in ("label", "prediction", "probability", "word", "speaker", "path")
            }
            for row in wrong.head(_MISHEARD).to_dict("records")
        ],
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _mean_recall(counts: np.ndarray) -> float:
    said = counts.sum(axis=1)
    return float(np.mean(np.diag(counts)[said > 0] / said[said > 0]))


def _last_metrics(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """Return the last metrics of the splits whose clips were not recorded."""
    shown = ("step", "n_clips", "top1", "top1_interval", "loss")
    return {
        line["split"]: {name: line.get(name) for name in shown}
        for line in recorded.metrics
        if line.get("split") in SPLITS
        and line["split"] not in recorded.evaluations
        and isinstance(line.get("top1"), float)
    }


def validation_of(recorded: Recorded) -> list[dict[str, Any]]:
    """Return step, loss and accuracy of the evaluations in training, each step once."""
    lines = {
        line["step"]: {
            name: value if isinstance(value := line.get(name), int | float) else None
            for name in ("step", "epoch", "loss", "top1")
        }
        for line in recorded.metrics
        if line.get("split") == "val" and line.get("mode") == "train_eval"
    }
    return [lines[step] for step in sorted(lines)]


def thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return averages of neighbouring steps, so that a curve has no more points than are seen."""
    lines = sorted(lines, key=lambda line: line["step"])
    n_each = -(-len(lines) // _MOST_POINTS) or 1
    parts = (lines[start : start + n_each] for start in range(0, len(lines), n_each))
    return [
        {
            "step": part[-1]["step"],
            **{
                name: mean_of_known(line.get(name) for line in part)
                for name in ("loss", "learning_rate", "loss_scale", "clips_per_s")
            },
        }
        for part in parts
    ]


def mean_of_known(values: Iterable[Any]) -> float | None:
    """Return the mean of the numbers among values; None where there is none."""
    numbers = [value for value in values if isinstance(value, int | float)]
    return statistics.fmean(numbers) if numbers else None


def _det(curve: dict[str, Any]) -> dict[str, Any]:
    kept = ("false_accepts_per_hour", "miss_rate", "threshold")
    points = curve.get("points", [])
    every = -(-len(points) // _MOST_POINTS) or 1
    return {
        "label": curve.get("label"),
        "points": [{name: point.get(name) for name in kept} for point in points[::every]],
    }


def _checkpoint(recorded: Recorded) -> Checkpoint | None:
    try:
        checkpoint = logdirs.load_run(recorded.logdir)
    except UserError as error:
        recorded.missing.append(str(error))
        return None
    if checkpoint is None:
        recorded.missing.append("model: the logdir has no checkpoint")
    return checkpoint


def _model(recorded: Recorded, checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    info = checkpoint.info
    architecture = info.architecture or {}
    return {
        "step": checkpoint.step,
        "labels": list(info.labels),
        "encoder": architecture.get("encoder"),
        "decoder": architecture.get("decoder"),
        "front_end": architecture.get("data_layer_params"),
        "n_bytes": sum(values.nbytes for values in checkpoint.model.values()),
        "n_values": sum(values.size for values in checkpoint.model.values()),
    }


def _speed(recorded: Recorded) -> dict[str, Any]:
    return {
        "training_clips_per_s": recorded.training_clips_per_s,
        "energy_wh": recorded.energy_wh,
        "evaluation_clips_per_s": {
            split: each.record.n_clips / each.record.seconds
            for split, each in recorded.evaluations.items()
            if each.record.seconds
        },
    }
