"""Predictions as lines: on the terminal, in a CSV file, as JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

from open_seq2seq.inference.predictor import Prediction
from open_seq2seq.system.files import flush_file, written_aside
from open_seq2seq.system.outputs import cannot_write
from open_seq2seq.system.paths import NAME_ERRORS

_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_DIGITS = 6

_Write: TypeAlias = Callable[[Prediction], None]


def as_line(prediction: Prediction, *, with_times: bool) -> str:
    """Return a prediction as the terminal shows it: ``clip.wav: yes (0.972)``."""
    where = prediction.path
    if with_times:
        where += f" {prediction.start:.2f} to {prediction.end:.2f} s"
    best = [f"{label} ({probability:.3f})" for label, probability in prediction.best]
    if not prediction.label:
        return f"{where}: no label, {', '.join(best)}"
    return f"{where}: {', '.join(best)}"


def write_predictions(
    path: Path, labels: tuple[str, ...], predictions: Iterable[Prediction], top_k: int = 1
) -> Iterator[Prediction]:
    """Write predictions to a file as they pass by.

    Each has its path, start and end in seconds, label and probability, the next best labels if they
    were asked for, and the probability of every label.

    Args:
        path: JSON lines if it ends in .jsonl, .ndjson or .json, else CSV.
        labels: in the order of the probabilities.
        predictions: to be written.
        top_k: how many labels each one has, best first.

    Raises:
        UserError: it cannot be written; there is then no file, or the one that was there before.
    """
    make = _json_writer if path.suffix.lower() in _JSON_SUFFIXES else _csv_writer
    try:
        # JSON escapes what is not UTF-8 as backslashreplace does
        errors = "backslashreplace" if make is _json_writer else NAME_ERRORS
        with (
            written_aside(path) as partial,
            open(partial, "w", newline="", encoding="utf-8", errors=errors) as file,
        ):
            write = make(file, labels, top_k)
            for prediction in predictions:
                write(prediction)
                yield prediction
            flush_file(file)
    except OSError as error:
        raise cannot_write(path, error, "--infer_output_file") from None


def _csv_writer(file: IO[str], labels: tuple[str, ...], top_k: int) -> _Write:
    writer = csv.writer(file)
    ranks = range(2, min(top_k, len(labels)) + 1)
    further_columns = [f"{name}_{rank}" for rank in ranks for name in ("label", "probability")]
    writer.writerow(["path", "start", "end", "label", "probability", *further_columns, *labels])

    def write(prediction: Prediction) -> None:
        further = [value for label, p in prediction.best[1:] for value in (label, _number(p))]
        writer.writerow(
            [
                prediction.path,
                _number(prediction.start),
                _number(prediction.end),
                prediction.label,
                _number(prediction.probability),
                *further,
                *map(_number, prediction.probabilities),
            ]
        )

    return write


def _json_writer(file: IO[str], labels: tuple[str, ...], top_k: int) -> _Write:
    def write(prediction: Prediction) -> None:
        record: dict[str, Any] = {
            "path": prediction.path,
            "start": round(prediction.start, _DIGITS),
            "end": round(prediction.end, _DIGITS),
            "label": prediction.label,
            "probability": round(prediction.probability, _DIGITS),
        }
        if top_k > 1:
            record["best"] = {label: round(p, _DIGITS) for label, p in prediction.best}
        record["probabilities"] = {
            label: round(float(p), _DIGITS)
            for label, p in zip(labels, prediction.probabilities, strict=True)
        }
        file.write(json.dumps(record, ensure_ascii=False) + "\n")

    return write


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}f}"
