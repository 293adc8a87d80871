"""Heartbeats between the processes of a run: which worker has failed is known within a known time.

Of a process that ends, Horovod says that something failed but not where. One that is stopped, or
whose machine is gone, can keep the others waiting for ever. So each process holds a connection to
rank 0, and both ends send a heartbeat every second. A connection that closes without a farewell
belongs to a process that ended; one that is silent for too long belongs to one that hangs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Literal

from open_seq2seq.distributed.rendezvous import rendezvous
from open_seq2seq.distributed.workers import Workers
from open_seq2seq.errors import LostWorkerError
from open_seq2seq.lazy import tf
from open_seq2seq.system.terminal import complain

_BEAT_S = 1.0
_TURN_S = 0.2  # between two looks at the connections
_SUSPECT_S = 5.0  # silent for so long when a collective fails: probably the cause
_GRACE_S = 5.0  # for the main thread to end by itself before the process is ended

Failure = Literal["ended", "silent"]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def heartbeats(workers: Workers, timeout_s: float, *, kills_silent: bool = False) -> Iterator[None]:
    """Within this, the failure of another worker ends the run, and the worker is named.

    Args:
        workers: all processes; each of them enters and leaves.
        timeout_s: seconds without a heartbeat before a process counts as failed.
        kills_silent: end a silent process of the same machine rather than this one, so that the
            others can continue.

    Raises:
        LostWorkerError: a collective failed. Where the main thread waits in one that does not
            fail, the process ends with the same message and exit status.
    """
    if workers.size == 1:
        yield
        return
    heartbeat = None
    try:
        heartbeat = Heartbeat(workers, timeout_s, kills_silent=kills_silent)
        yield
        heartbeat.say_farewell()
    except Exception as error:
        if not _is_of_horovod(error):
            raise
        cause = "a process was lost before the rendezvous of all was over"
        if heartbeat is not None:
            cause = heartbeat.find_cause()
        logger.debug(cause)
        raise LostWorkerError(cause) from None
    finally:
        if heartbeat is not None:
            heartbeat.close()


def _is_of_horovod(error: Exception) -> bool:
    is_collective = isinstance(error, tf.errors.OpError)
    is_collective |= type(error).__name__ == "HorovodInternalError"
    return is_collective and "horovod" in str(error).lower()


class Heartbeat:
    """This process's end of the connections, and a thread that serves them."""

    def __init__(self, workers: Workers, timeout_s: float, *, kills_silent: bool) -> None:
        self._timeout_s, self._kills_silent = timeout_s, kills_silent
        self._connections = selectors.DefaultSelector()
        self._heard: dict[int, float] = {}  # time of the last heartbeat by rank
        self._gone: set[int] = set()  # said farewell, or failed
        self._cause = ""
        self._is_known, self._is_closed = threading.Event(), threading.Event()
        self._members, self._peers = rendezvous(workers)
        self._me = self._members[workers.rank]
        for rank, peer in self._peers.items():
            self._add(rank, peer)
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def find_cause(self) -> str:
        """Return which process is to blame for a collective that failed just now."""
        self._is_known.wait(2 * _TURN_S + _BEAT_S)
        if self._cause:
            return self._cause
        now = time.monotonic()
        for rank, heard in self._heard.items():
            if now - heard > _SUSPECT_S and rank not in self._gone:
                self._announce(rank, "silent", f"has sent no heartbeat for {now - heard:.0f} s")
                return self._cause
        return (
            "a collective operation failed, though every process that is watched sends heartbeats: "
            "the lines above are Horovod's reason (where a single process is very slow, raise "
            "worker_timeout_s)"
        )

    def say_farewell(self) -> None:
        """Tell the others that this process has done its part."""
        self._send("farewell")

    def close(self) -> None:
        """Stop the heartbeats."""
        self._is_closed.set()
        self._thread.join()
        for peer in self._peers.values():
            peer.close()
        self._connections.close()

    def _add(self, rank: int, peer: socket.socket) -> None:
        peer.setblocking(False)
        self._heard[rank] = time.monotonic()
        self._connections.register(peer, selectors.EVENT_READ, rank)

    def _run(self) -> None:
        last_turn = last_beat = time.monotonic()
        while not self._is_closed.is_set():
            ready = self._connections.select(_TURN_S)
            if not self._peers:
                self._is_closed.wait(_TURN_S)
            now = time.monotonic()
            if now - last_turn > _SUSPECT_S:  # it is this process that was stopped
                self._heard = dict.fromkeys(self._heard, now)
            last_turn = now
            for key, _ in ready:
                self._receive(key.data, now)
            if now - last_beat >= _BEAT_S:
                self._send("beat")
                last_beat = now
            for rank, heard in self._heard.items():
                if now - heard > self._timeout_s and rank not in self._gone:
                    how = f"has sent no heartbeat for {self._timeout_s:.0f} s"
                    self._handle_failure(rank, "silent", how)

    def _receive(self, rank: int, now: float) -> None:
        try:
            data = self._peers[rank].recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._connections.unregister(self._peers[rank])
            if rank not in self._gone:
                self._handle_failure(rank, "ended", "has ended")
            return
        self._heard[rank] = now
        for line in data.decode(errors="replace").splitlines():  # short lines are never torn
            word, *rest = line.split(" ", 3)
            if word == "farewell":
                self._gone.add(rank)
            elif word == "lost" and len(rest) == 3:
                failed, kind, how = rest
                self._handle_failure(int(failed), "silent" if kind == "silent" else "ended", how)

    def _handle_failure(self, rank: int, kind: Failure, how: str) -> None:
        self._gone.add(rank)
        if not self._cause:
            self._announce(rank, kind, how)
        if self._kills_silent:
            member = self._members[rank]
            is_here = member.machine == self._me.machine and member.pid != self._me.pid
            if kind == "silent" and is_here:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        elif not self._is_closed.wait(_GRACE_S):
            complain(f"error: {LostWorkerError(self._cause)}")
            logger.debug(self._cause)
            os._exit(LostWorkerError.exit_status)

    def _announce(self, rank: int, kind: Failure, how: str) -> None:
        self._cause = f"{self._members[rank]} {how}"
        self._send(f"lost {rank} {kind} {how}")
        self._is_known.set()

    def _send(self, line: str) -> None:
        for peer in self._peers.values():
            with contextlib.suppress(OSError):  # a peer that has gone is noticed when it is read
                peer.send(f"{line}\n".encode())
