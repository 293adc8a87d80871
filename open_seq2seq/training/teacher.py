"""A trained network that shows a run which probabilities its clips should have.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from open_seq2seq.config.distillation import Distillation
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.network import before_merging
from open_seq2seq.pretrained.model import PretrainedModel, load_model
from open_seq2seq.storage.compatibility import compare
from open_seq2seq.structs import Batch, KerasModel, OutputKind, Tensor

_KEY = "distillation_params/teacher"

logger = logging.getLogger(__name__)


class Teacher:
    """A frozen network in inference mode, in float32, that sees the images of the run.

    Attributes:
        network: from `structs.Batch.inputs` to logits.
    """

    def __init__(
        self,
        network: KerasModel,
        params: Distillation,
        outputs: OutputKind = "softmax",
        merge: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Take a trained network.

        Args:
            network: the teacher's.
            params: how much it counts, and at which temperature.
            outputs: how logits become probabilities.
            merge: the run's logits of classes to those of the labels that the teacher knows; None:
                it has the same classes.
        """
        self.network = network
        self._weight, self._temperature = params.weight, params.temperature
        self._outputs, self._merge = outputs, merge

    def logits(self, batch: Batch) -> Tensor:
        """Return the teacher's logits, float32 [batch, classes]."""
        return self.network(batch.inputs, training=False)

    def mixed(self, losses: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """Return the loss of each clip, with the distance to the teacher as its part, [batch].

        Args:
            losses: of the config's loss, [batch].
            logits: of the run's network.
            taught: the teacher's, as `logits` returns them.
        """
        if self._merge is not None:
            logits = self._merge(logits)
        distances = divergence(taught, logits, self._temperature, self._outputs)
        return (1.0 - self._weight) * losses + self._weight * distances


def divergence(taught: Tensor, logits: Tensor, temperature: float, outputs: OutputKind) -> Tensor:
    """Return T^2 KL(teacher || student) of each clip, in nats, [batch].

    With the factor its gradient is as large as that of the labels' cross-entropy, whatever T.

    Args:
        taught: logits of the teacher, [batch, classes].
        logits: of the student.
        temperature: T, by which both are divided.
        outputs: softmax, or sigmoids, whose divergences are summed.
    """
    taught, logits = taught / temperature, logits / temperature
    if outputs == "softmax":
        of_taught, of_student = tf.nn.log_softmax(taught), tf.nn.log_softmax(logits)
    else:  # yes and no of each label
        of_taught = tf.math.log_sigmoid(tf.stack([taught, -taught], axis=-1))
        of_student = tf.math.log_sigmoid(tf.stack([logits, -logits], axis=-1))
    terms = tf.exp(of_taught) * (of_taught - of_student)
    return temperature**2 * tf.reduce_sum(terms, axis=tuple(range(1, len(terms.shape))))


def open_teacher(
    params: Distillation,
    data: Dataset,
    student: KerasModel,
    outputs: OutputKind,
    changed: Sequence[str],
) -> Teacher:
    """Return the teacher of a run.

    Where the classes beyond the labels are not the same, the labels' probabilities are taught.

    Args:
        params: name it.
        data: that the run trains on.
        student: network of the run, whose last layer merges further classes, if there are any.
        outputs: of the student.
        changed: keys of the front end whose values may differ.

    Raises:
        UserError: there is no such model, or it does not fit the run.
    """
    try:
        model = load_model(Path(params.teacher))
    except UserError as error:
        raise UserError(f"{_KEY}: {error}") from None
    _check(model, params.teacher, data, outputs, changed)
    logger.info(
        f"teacher: {model.network.count_params():,} parameters, step {model.step} of "
        f"{params.teacher}"
    )
    if model.classes == data.classes:
        return Teacher(before_merging(model.network), params, outputs)
    merge = student.layers[-1] if data.classes else None
    return Teacher(model.network, params, outputs, merge)


def _check(
    model: PretrainedModel, source: str, data: Dataset, outputs: OutputKind, changed: Sequence[str]
) -> None:
    if model.labels != data.labels:
        raise UserError(
            f"{_KEY}: {source} has the labels {' '.join(model.labels)}, the data has "
            f"{' '.join(data.labels)}; expected the same ones in the same order"
        )
    if model.outputs != outputs:
        raise UserError(
            f"{_KEY}: {source} has decoder_params/outputs={model.outputs!r}, this run has "
            f"{outputs!r}; expected the same"
        )
    whose = f"{_KEY}: {source} was trained with"
    compare(model.data_layer.in_effect(), data.params.in_effect(), whose, changed)
