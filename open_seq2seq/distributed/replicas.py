"""Replicas of one model: what each worker has of its own, and whether their weights agree."""

from __future__ import annotations

import hashlib

import numpy as np

from open_seq2seq.distributed.workers import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import KerasModel, Variable


def check_replicas(variables: list[Variable], workers: Workers, step: int) -> None:
    """Make sure that all workers have the same weights, to the last bit.

    Raises:
        UserError: one has not; it is raised on all of them.
    """
    if workers.size == 1:
        return
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.asarray(variable).tobytes())
    first, *others = workers.gather(digest.hexdigest())
    astray = [str(rank) for rank, other in enumerate(others, start=1) if other != first]
    if astray:
        raise UserError(
            f"after step {step} the weights of rank {', '.join(astray)} are not those of rank 0, "
            "so the processes no longer train one model; look for a part of the config that "
            "differs between processes, or for a machine with faulty memory. Checkpoints are of "
            "rank 0; continue with --continue_learning"
        )


def spread_seeds(model: KerasModel, workers: Workers) -> None:
    """Give each worker its own dropout; the chief's seeds, which a checkpoint keeps, stay."""
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):  # uint32: seed, number of draws
            seed, n_draws = np.asarray(variable)
            spread = (int(seed) + workers.rank) % 2**32
            variable.assign(np.array([spread, n_draws], np.uint32))


def moving_statistics(model: KerasModel) -> list[Variable]:
    """Return BatchNorm's moving means and variances, as Keras variables."""
    return [v for v in model.non_trainable_variables if "float" in v.dtype]


def sync_statistics(model: KerasModel, workers: Workers) -> None:
    """Average BatchNorm's moving statistics over the workers: each has seen other clips."""
    statistics = moving_statistics(model)
    averages = workers.average([tf.identity(variable.value) for variable in statistics])
    for variable, value in zip(statistics, averages, strict=True):
        variable.assign(value)
