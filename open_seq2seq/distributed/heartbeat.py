"""Signs of life between the processes of a run: that one is lost, and which, within a known time.

Of a process that ends, Horovod says that something failed but not where; one that is stopped, or
whose machine is gone, can keep the others waiting. So each process holds a connection to rank 0 and
both ends send a line every second. A connection that closes without a farewell is a process that
ended; one that is silent for too long is one that hangs.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from open_seq2seq.distributed.rendezvous import meet
from open_seq2seq.errors import LostWorkerError
from open_seq2seq.lazy import tf

if TYPE_CHECKING:
    from open_seq2seq.distributed import Workers

_BEAT_S = 1.0
_TURN_S = 0.2  # between two looks at the connections
_SUSPECT_S = 5.0  # silent for so long when a collective fails: probably the cause
_GRACE_S = 5.0  # for the main thread to end by itself before the process is ended


@contextlib.contextmanager
def watched(
    workers: Workers, timeout_s: float, report: Callable[[str], None], *, kills_silent: bool = False
) -> Iterator[None]:
    """Within this, a process that is lost ends the run, and is named.

    Args:
        workers: all processes; each of them enters and leaves.
        timeout_s: without a sign of life before a process counts as lost.
        report: is told which one it is, for the log.
        kills_silent: end a silent process of the same machine rather than this one, so that the
            others can go on.

    Raises:
        LostWorkerError: a collective failed. Where the main thread waits in one that does not fail,
            the process ends with the same message and exit status.
    """
    if workers.size == 1:
        yield
        return
    watch = None
    try:
        watch = Watch(workers, timeout_s, report, kills_silent=kills_silent)
        yield
        watch.say_farewell()
    except Exception as error:
        if not _is_of_horovod(error):
            raise
        cause = (
            watch.find_cause()
            if watch is not None
            else "a process was lost before they all knew each other"
        )
        report(cause)
        raise LostWorkerError(cause) from None
    finally:
        if watch is not None:
            watch.close()


def _is_of_horovod(error: Exception) -> bool:
    is_collective = (
        isinstance(error, tf.errors.OpError) or type(error).__name__ == "HorovodInternalError"
    )
    return is_collective and "horovod" in str(error).lower()


class Watch:
    """This process's end of the connections, and a thread that looks at them."""

    def __init__(
        self,
        workers: Workers,
        timeout_s: float,
        report: Callable[[str], None],
        *,
        kills_silent: bool,
    ) -> None:
        self._timeout_s, self._report, self._kills_silent = timeout_s, report, kills_silent
        self._connections = selectors.DefaultSelector()
        self._heard: dict[int, float] = {}  # by rank
        self._gone: set[int] = set()  # said farewell
        self._cause = ""
        self._is_known, self._has_left = threading.Event(), threading.Event()
        self._members, self._peers = meet(workers)
        self._me = self._members[workers.rank]
        for rank, peer in self._peers.items():
            self._add(rank, peer)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def find_cause(self) -> str:
        """Return which process is to blame for a collective that failed just now."""
        self._is_known.wait(2 * _TURN_S + _BEAT_S)
        if self._cause:
            return self._cause
        now = time.monotonic()
        silent = [
            rank
            for rank, heard in self._heard.items()
            if now - heard > _SUSPECT_S and rank not in self._gone
        ]
        if silent:
            self._tell_of(
                silent[0], f"has given no sign of life for {now - self._heard[silent[0]]:.0f} s"
            )
            return self._cause
        return (
            "a collective operation failed, though every process that is watched gives signs of life: the lines above "
            "are Horovod's reason (where one process only is very slow, raise worker_timeout_s)"
        )

    def say_farewell(self) -> None:
        """Tell the others that this process has done its part."""
        self._send("farewell")

    def close(self) -> None:
        """Stop watching."""
        self._has_left.set()
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
        while not self._has_left.is_set():
            ready = self._connections.select(_TURN_S)
            if not self._peers:
                self._has_left.wait(_TURN_S)
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
                    self._lose(
                        rank,
                        f"has given no sign of life for {self._timeout_s:.0f} s",
                        is_silent=True,
                    )

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
                self._lose(rank, "has ended", is_silent=False)
            return
        self._heard[rank] = now
        for line in data.decode(errors="replace").splitlines():  # short lines are never torn
            word, *rest = line.split(" ", 2)
            if word == "farewell":
                self._gone.add(rank)
            elif word == "lost" and len(rest) == 2:
                self._lose(int(rest[0]), rest[1], is_silent="sign of life" in rest[1])

    def _lose(self, rank: int, how: str, *, is_silent: bool) -> None:
        self._gone.add(rank)
        if not self._cause:
            self._tell_of(rank, how)
        if self._kills_silent:
            member = self._members[rank]
            if is_silent and member.machine == self._me.machine and member.pid != self._me.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        elif not self._has_left.wait(_GRACE_S):
            print(f"error: {LostWorkerError(self._cause)}", file=sys.stderr, flush=True)
            self._report(self._cause)
            os._exit(LostWorkerError.exit_status)

    def _tell_of(self, rank: int, how: str) -> None:
        self._cause = f"{self._members[rank]} {how}"
        self._send(f"lost {rank} {how}")
        self._is_known.set()

    def _send(self, line: str) -> None:
        for peer in self._peers.values():
            with contextlib.suppress(OSError):  # a peer that has gone is noticed when it is read
                peer.send(f"{line}\n".encode())
