"""Exponential moving average (EMA) of the weights, often more accurate than the weights themselves.

Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from open_seq2seq.layers.moving import most_kept
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Variable


class WeightAverage:
    """Averages variables: average = decay * average + (1 - decay) * variable after each step.

    The decay of step n is at most (1 + n) / (10 + n), so that the average soon forgets the first
    weights.
    """

    def __init__(self, variables: list[Variable], decay: float) -> None:
        """Begin with the variables as they are.

        Args:
            variables: Keras variables that training changes.
            decay: fraction of the average that each step keeps.
        """
        self._followed = [v.value for v in variables]
        self._averages = [
            tf.Variable(v, trainable=False, name=f"average/{v.path}") for v in variables
        ]
        self._n_steps = tf.Variable(0.0, trainable=False, name="average/steps")
        self._decay = decay

    @property
    def variables(self) -> list[Variable]:
        """What a checkpoint keeps beside the model: averages, or while `applied` weights."""
        return [*self._averages, self._n_steps]

    def update(self) -> None:
        """Update the averages after a step; also in a graph."""
        n = self._n_steps.assign_add(1.0)
        decay = tf.minimum(self._decay, most_kept(n))
        for average, variable in zip(self._averages, self._followed, strict=True):
            average.assign(decay * average + (1.0 - decay) * tf.cast(variable, average.dtype))

    def restart(self) -> None:
        """Set the averages to the variables as they are."""
        for average, variable in zip(self._averages, self._followed, strict=True):
            average.assign(tf.cast(variable, average.dtype))

    def swap(self) -> None:
        """Exchange weights and averages."""
        for average, variable in zip(self._averages, self._followed, strict=True):
            weights = tf.identity(variable)
            variable.assign(tf.cast(average, variable.dtype))
            average.assign(weights)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within this, the model has the averages: to evaluate it, and to save it."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
