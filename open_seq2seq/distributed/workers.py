"""Workers: the processes of a run. This file and training/elastic.py alone import Horovod."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.errors import UserError

_INSTALL = "scripts/install_horovod.sh"


class Workers(NamedTuple):
    """This process among all; of size 1 every operation returns its input.

    Made by `start`; a test makes ``Workers(rank=1, size=4)`` to look at sharing without Horovod.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    hvd: Any = None

    @classmethod
    def of(cls, hvd: Any) -> Workers:
        """Return the processes that Horovod joins at the moment."""
        return cls(hvd.rank(), hvd.size(), hvd.local_rank(), hvd.local_size(), hvd)

    @property
    def is_chief(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def average(self, tensors: list) -> list:
        """Average each tensor over the workers."""
        if self.hvd is None or not tensors:
            return tensors
        return self.hvd.grouped_allreduce(tensors, op=self.hvd.Average)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum an array over the workers."""
        if self.hvd is None:
            return values
        return self.hvd.allreduce(values, op=self.hvd.Sum).numpy()

    def any(self, value: bool) -> bool:
        """Tell whether ``value`` holds for any worker."""
        return bool(value) if self.hvd is None else bool(self.total(np.array([float(value)]))[0])

    def broadcast(self, variables: list) -> None:
        """Give each TensorFlow variable the chief's value."""
        if self.hvd is not None:
            self.hvd.broadcast_variables(variables, root_rank=0)

    def gather(self, value: Any) -> list:
        """Return every worker's value, in the order of their ranks."""
        return [value] if self.hvd is None else self.hvd.allgather_object(value)

    def broadcast_object(self, value: Any) -> Any:
        """Return the chief's value."""
        return value if self.hvd is None else self.hvd.broadcast_object(value, root_rank=0)


def launched_size() -> int:
    """Return how many processes the launcher (horovodrun or mpirun) started, 1 without one."""
    return int(_from_launcher("SIZE", "1"))


def launched_rank() -> int:
    """Return the number that the launcher gave this process, before Horovod is up."""
    return int(_from_launcher("RANK", "0"))


def _from_launcher(name: str, default: str) -> str:
    return os.environ.get(f"HOROVOD_{name}") or os.environ.get(f"OMPI_COMM_WORLD_{name}") or default


def check(use_horovod: bool | None, num_gpus: int) -> None:
    """Refuse what cannot work, before anything is started.

    Raises:
        UserError: several GPUs or processes without Horovod, or Horovod without its installation.
    """
    size = launched_size()
    if use_horovod is False and size > 1:
        raise UserError(
            f"use_horovod: False, but {size} processes were started and each would train a model "
            "of its own; "
            "leave use_horovod out or say --use_horovod=True"
        )
    if num_gpus > 1 and not use_horovod and size == 1:
        raise UserError(
            f"num_gpus: {num_gpus} needs Horovod, one process for each GPU: "
            f"horovodrun -np {num_gpus} open-seq2seq ... --use_horovod=True"
        )
    if (use_horovod or size > 1) and not _is_installed():
        raise UserError(
            f"use_horovod: Horovod is not installed; build it with {_INSTALL}, "
            "or say --use_horovod=False"
        )


def is_elastic() -> bool:
    """Tell whether training is elastic: the launcher lets processes fail and join."""
    return os.environ.get("HOROVOD_ELASTIC") == "1"


def start(use_horovod: bool | None, timeout_s: float, rendezvous_timeout_s: float) -> Workers:
    """Join the other processes; ``use_horovod=None`` does so where a launcher started this one.

    Args:
        use_horovod: whether there are others.
        timeout_s: seconds to wait for one that does not take part in a collective operation.
        rendezvous_timeout_s: seconds that all wait until the last one has joined, also when
            workers change.
    """
    if not (use_horovod or (use_horovod is None and launched_size() > 1)):
        return Workers()
    # Horovod's own: 30 s for a process that does not answer, for ever for one that takes no part.
    # Gloo has one limit for the rendezvous and for its operations. In elastic training the others
    # wait in the rendezvous while a new process starts; where they give up, the job ends.
    gloo_timeout_s = round(max(timeout_s, rendezvous_timeout_s))
    os.environ.setdefault("HOROVOD_GLOO_TIMEOUT_SECONDS", str(gloo_timeout_s))
    os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", str(max(1, round(timeout_s / 2))))
    os.environ.setdefault("HOROVOD_STALL_SHUTDOWN_TIME_SECONDS", str(max(1, round(timeout_s))))
    import horovod.tensorflow as hvd

    hvd.init()
    return Workers.of(hvd)


def _is_installed() -> bool:
    import importlib.util

    return importlib.util.find_spec("horovod") is not None
