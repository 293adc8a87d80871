"""Labels and probabilities for single clips."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf


class Prediction(NamedTuple):
    """What the model says of one clip."""

    path: str
    label: str
    probability: float
    probabilities: np.ndarray  # float32 [labels]


def predict(model: Any, dataset: Dataset, batch_size: int) -> Iterator[Prediction]:
    """Yield a prediction for every clip of ``dataset``, in its order."""
    run = tf.function(lambda inputs: tf.nn.softmax(model(inputs, training=False)), autograph=False)
    plan = Sampler(len(dataset), batch_size).in_order()
    for step, (batch,) in enumerate(dataset.batches(plan)):
        outputs = run(batch.inputs).numpy()
        for row, weight, probabilities in zip(
            plan.rows[step, 0], plan.weights[step, 0], outputs, strict=True
        ):
            if weight:  # not one of the rows that fill the last batch
                best = int(np.argmax(probabilities))
                yield Prediction(
                    dataset.paths[row],
                    dataset.labels[best],
                    float(probabilities[best]),
                    probabilities,
                )


def check_output(path: str) -> None:
    """Refuse a file that cannot be written, before the work is done."""
    partial = f"{path}.partial"
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(0, "it is a folder")
        with open(partial, "w", encoding="utf-8"):
            os.unlink(partial)
    except OSError as error:
        raise UserError(f"--infer_output_file: cannot write {path} ({error.strerror})") from None


def write_predictions(
    path: str, labels: tuple[str, ...], predictions: Iterator[Prediction]
) -> Iterator[Prediction]:
    """Write predictions to a CSV file (path, label, probability, then one column per label) as they
    pass by.

    Raises:
        UserError: it cannot be written; there is then no file, or the one that was there before.
    """
    partial = f"{path}.partial"
    try:
        with open(partial, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "probability", *labels])
            for prediction in predictions:
                numbers = [
                    f"{value:.6f}" for value in (prediction.probability, *prediction.probabilities)
                ]
                writer.writerow([prediction.path, prediction.label, *numbers])
                yield prediction
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise UserError(
            f"--infer_output_file: cannot write {path} ({error.strerror or error})"
        ) from None
