"""Labels and probabilities for single clips."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.data import notices
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import KerasModel
from open_seq2seq.system.files import flush_file, partial_path, written_aside

_N_WARNINGS = 30

logger = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """The prediction for one clip."""

    path: str
    label: str
    probability: float
    probabilities: np.ndarray  # float32 [labels]


def predict(model: KerasModel, dataset: Dataset, batch_size: int) -> Iterator[Prediction]:
    """Yield a prediction for every clip of ``dataset``, in its order.

    What is odd about the clips is logged first.

    Raises:
        UserError: the model gives a clip probabilities that are not finite.
    """
    lines = notices.warnings_of_clips(dataset)
    for line in [*notices.warnings_of_front_end(dataset.params), *lines[:_N_WARNINGS]]:
        logger.warning(line)
    if len(lines) > _N_WARNINGS:
        logger.warning(f"and {len(lines) - _N_WARNINGS:,} more such lines about other clips")
    run = tf.function(lambda inputs: tf.nn.softmax(model(inputs, training=False)), autograph=False)
    plan = Sampler(len(dataset), batch_size).in_order()
    for step, (batch,) in enumerate(dataset.batches(plan)):
        outputs = run(batch.inputs).numpy()
        for row, weight, probabilities in zip(
            plan.rows[step, 0], plan.weights[step, 0], outputs, strict=True
        ):
            if weight:  # not one of the rows that fill the last batch
                if not np.isfinite(probabilities).all():
                    raise UserError(
                        f"{dataset.paths[row]}: the model's probabilities for it are not finite, "
                        f"so that it has no label. {NON_FINITE_ADVICE}"
                    )
                best = int(np.argmax(probabilities))
                yield Prediction(
                    dataset.paths[row],
                    dataset.labels[best],
                    float(probabilities[best]),
                    probabilities,
                )


def check_output(path: Path) -> None:
    """Refuse a file that cannot be written, before the work is done."""
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        partial = partial_path(path)
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from None


def write_predictions(
    path: Path, labels: tuple[str, ...], predictions: Iterator[Prediction]
) -> Iterator[Prediction]:
    """Write predictions to a CSV file as they pass by: path, label, probability, and of each label.

    Raises:
        UserError: it cannot be written; there is then no file, or the one that was there before.
    """
    try:
        with (
            written_aside(path) as partial,
            open(partial, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["path", "label", "probability", *labels])
            for prediction in predictions:
                values = prediction.probability, *prediction.probabilities
                numbers = [f"{value:.6f}" for value in values]
                writer.writerow([prediction.path, prediction.label, *numbers])
                yield prediction
            flush_file(file)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"--infer_output_file: cannot write {path} ({error.strerror or error}); name another file"
    )
