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
from open_seq2seq.structs import KerasModel, Tensor
from open_seq2seq.system.files import flush_file, partial_path, written_aside
from open_seq2seq.system.paths import NAME_ERRORS

_N_WARNINGS = 30

logger = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """The prediction for one clip."""

    path: str
    label: str
    probability: float
    probabilities: np.ndarray  # float32 [labels]


class Predictor:
    """Labels clips with one network, which is traced once, for batches of every size."""

    def __init__(self, model: KerasModel) -> None:
        self._model = model
        inputs = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in model.input.items()
        }
        self._run = tf.function(self._probabilities, autograph=False, input_signature=[inputs])
        self._n_warnings: int | None = None  # about clips, so far

    def predict(self, dataset: Dataset, batch_size: int) -> Iterator[Prediction]:
        """Yield a prediction for every clip of ``dataset``, in its order.

        What is odd about the clips is logged first.

        Raises:
            UserError: the model gives a clip probabilities that are not finite.
        """
        self._warn(dataset)
        if len(dataset) == 1:
            batch_size = 1  # the only other size, so that the front end is compiled twice at most
        plan = Sampler(len(dataset), batch_size).in_order()
        for step, (batch,) in enumerate(dataset.batches(plan)):
            n_clips = int(plan.weights[step, 0].sum())  # without those that fill the last batch
            inputs = {name: values[:n_clips] for name, values in batch.inputs.items()}
            for row, probabilities in zip(
                plan.rows[step, 0], self._run(inputs).numpy(), strict=False
            ):
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

    def _warn(self, dataset: Dataset) -> None:
        """Say what is odd about the clips, a few times: a model that stays loaded hears many."""
        lines = notices.warnings_of_clips(dataset)
        if self._n_warnings is None:
            self._n_warnings = 0
            for line in notices.warnings_of_front_end(dataset.params):
                logger.warning(line)
        left = max(0, _N_WARNINGS - self._n_warnings)
        self._n_warnings += len(lines)
        for line in lines[:left]:
            logger.warning(line)
        if left and len(lines) > left:
            logger.warning(
                f"and {len(lines) - left:,} more such lines about other clips; no more are named"
            )

    def _probabilities(self, inputs: dict[str, Tensor]) -> Tensor:
        return tf.nn.softmax(self._model(inputs, training=False))


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
            open(partial, "w", newline="", encoding="utf-8", errors=NAME_ERRORS) as file,
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
