"""Rendezvous: who the processes of a run are, and a connection of each with rank 0."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from open_seq2seq.distributed import Workers

_CONNECT_S = 10.0
_TURN_S = 0.1
_ACCEPTED = b"accepted\n"


class Member(NamedTuple):
    """One process of the run."""

    rank: int
    pid: int
    host: str
    machine: str  # processes of the same one can signal each other

    @classmethod
    def here(cls, rank: int) -> Member:
        """Return this process."""
        boot = Path("/proc/sys/kernel/random/boot_id")
        machine = boot.read_text().strip() if boot.exists() else socket.gethostname()
        with contextlib.suppress(OSError):
            machine += (
                f" {os.stat('/proc/self/ns/pid').st_ino}"  # containers number their processes anew
            )
        return cls(rank, os.getpid(), socket.gethostname(), machine)

    def __str__(self) -> str:
        return f"rank {self.rank} (process {self.pid} on {self.host})"


def rendezvous(workers: Workers) -> tuple[list[Member], dict[int, socket.socket]]:
    """Connect every process with rank 0; each of them calls this.

    Returns:
        all processes in the order of their ranks, and this one's connections by the rank at the
        other end: to rank 0, or rank 0's to all others. A process that cannot reach rank 0,
        because of a firewall perhaps, has none, and rank 0 has none to it.
    """
    if workers.is_chief:
        with socket.create_server(("", 0), backlog=workers.size) as server:
            peers = _accept_all(server, workers)
    else:
        addresses, token = workers.broadcast_object(None)
        peer = _connect(addresses, f"{token} {workers.rank}\n")
        peers = {} if peer is None else {0: peer}
        workers.gather(None)
    return [Member(*values) for values in workers.gather(tuple(Member.here(workers.rank)))], peers


def _accept_all(server: socket.socket, workers: Workers) -> dict[int, socket.socket]:
    """Accept whoever knows the token, until all have tried."""
    token = secrets.token_hex()
    names = (os.environ.get("HOROVOD_HOSTNAME", ""), socket.gethostname(), "127.0.0.1")
    port = server.getsockname()[1]
    peers: dict[int, socket.socket] = {}
    all_tried = threading.Event()
    acceptor = threading.Thread(
        target=_accept_until, args=(server, token, peers, all_tried), daemon=True
    )
    acceptor.start()
    try:
        workers.broadcast_object(([(name, port) for name in names if name], token))
        workers.gather(None)  # until all others have tried
    finally:
        all_tried.set()
        acceptor.join()
    return peers


def _accept_until(
    server: socket.socket, token: str, peers: dict[int, socket.socket], all_tried: threading.Event
) -> None:
    server.settimeout(_TURN_S)
    while not all_tried.is_set():
        with contextlib.suppress(OSError):  # nobody there, or a peer that leaves at once
            peer, _ = server.accept()
            peer.settimeout(_CONNECT_S)
            word, _, rank = peer.recv(1024).decode(errors="replace").strip().partition(" ")
            if secrets.compare_digest(word.encode(), token.encode()) and rank.isdecimal():
                peer.sendall(_ACCEPTED)
                peers[int(rank)] = peer
            else:
                peer.close()


def _connect(addresses: list[tuple[str, int]], greeting: str) -> socket.socket | None:
    """Return a connection to the first address that accepts the greeting, None if none does."""
    for address in addresses:
        with contextlib.suppress(OSError):
            peer = socket.create_connection(address, timeout=_CONNECT_S)
            with contextlib.suppress(OSError):
                peer.sendall(greeting.encode())
                # on another machine's 127.0.0.1 some other program may listen
                if peer.recv(len(_ACCEPTED)) == _ACCEPTED:
                    return peer
            peer.close()
    return None
