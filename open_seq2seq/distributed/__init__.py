"""Several processes that train one model: Horovod, heartbeats, and what the replicas share."""

from open_seq2seq.distributed.workers import (
    Workers,
    check,
    is_elastic,
    launched_rank,
    launched_size,
    start,
)

__all__ = ["Workers", "check", "is_elastic", "launched_rank", "launched_size", "start"]
