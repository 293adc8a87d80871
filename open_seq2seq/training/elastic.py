"""Elastic training: workers may fail and join; the others continue from the last commit.

After each change every process builds its part of the run anew and resumes from rank 0's commit as
from a checkpoint, so the rest of the epoch is shared between the workers that there are then. This
file imports Horovod; it is imported under an elastic launcher only.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import horovod.tensorflow as hvd
from horovod.common.elastic import State
from horovod.common.exceptions import HorovodInternalError

from open_seq2seq import distributed
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import LostWorkerError
from open_seq2seq.lazy import keras
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.system.terminal import complain


class Commits(State):
    """The last commit, in memory, and the launcher's notices that workers joined or left."""

    def __init__(self) -> None:
        super().__init__(bcast_object=hvd.broadcast_object, get_rank=hvd.rank)
        self.last: Checkpoint | None = None

    def commit(self, checkpoint: Checkpoint) -> None:
        """Keep a commit, which every process takes at the same step.

        Raises:
            HostsUpdatedInterrupt: workers join or leave; `run` handles it.
        """
        self.last = checkpoint
        self.check_host_updates()

    # what Horovod asks of a state; each round builds and resumes its part of the run instead
    def save(self) -> None: ...

    def restore(self) -> None: ...

    def sync(self) -> None: ...

    def reset(self) -> None:
        """Forget the last round's model, before the next one builds its own with the same names."""
        keras.backend.clear_session()
        gc.collect()


def run(
    round_: Callable[[Workers, Commits], int], timeout_s: float, rendezvous_timeout_s: float
) -> int:
    """Train in rounds, each with the processes that there are, and return the exit status.

    Args:
        round_: one process's part, from the last commit to the end of the run.
        timeout_s: see `distributed.start`.
        rendezvous_timeout_s: see `distributed.start`.
    """
    distributed.start(True, timeout_s, rendezvous_timeout_s)

    def attempt(commits: Commits) -> int:
        try:
            return round_(Workers.of(hvd), commits)
        except LostWorkerError as error:
            # Horovod does not know grouped_allreduce's errors, and would take them for the end
            complain(f"{error.cause}; the others continue without it")
            raise HorovodInternalError(str(error)) from None

    return hvd.elastic.run(attempt)(Commits())
