"""Processes that come and go: the survivors go on from their last commit, new ones join at the next.

After each change every process builds its part of the run anew and goes on from rank 0's commit in the way in which a
run goes on from a checkpoint, so the rest of the epoch is shared between the processes that there are then. With
`distributed.py` the only file that imports Horovod; it is imported where a launcher lets processes come and go.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import horovod.tensorflow as hvd
from horovod.common.elastic import State
from horovod.common.exceptions import HorovodInternalError

from open_seq2seq import distributed
from open_seq2seq.checkpoints import Checkpoint
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import LostWorkerError
from open_seq2seq.lazy import keras


class Commits(State):
    """The last commit, in memory, and word from the launcher that processes came or went."""

    def __init__(self) -> None:
        super().__init__(bcast_object=hvd.broadcast_object, get_rank=hvd.rank)
        self.last: Checkpoint | None = None

    def take(self, checkpoint: Checkpoint) -> None:
        """Keep a commit, which every process takes at the same step.

        Raises:
            HostsUpdatedInterrupt: processes come or go, for `run` to see to.
        """
        self.last = checkpoint
        self.check_host_updates()

    # what Horovod asks of a state; the part of the run that each round builds does it all
    def save(self) -> None: ...

    def restore(self) -> None: ...

    def sync(self) -> None: ...

    def reset(self) -> None:
        """Forget the last round's model, before the next one builds its own with the same names."""
        keras.backend.clear_session()
        gc.collect()


def run(round_: Callable[[Workers, Commits], int], timeout_s: float, rendezvous_timeout_s: float) -> int:
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
            # Horovod's own test for this does not know grouped_allreduce's errors, and would take them for the end
            print(f"{error.cause}; the others go on without it", file=sys.stderr, flush=True)
            raise HorovodInternalError(str(error)) from None

    return hvd.elastic.run(attempt)(Commits())
