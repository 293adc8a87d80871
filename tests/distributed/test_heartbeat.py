"""Processes that watch each other, played by threads; tests/test_lost_workers.py has real ones."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from open_seq2seq.distributed import Workers, heartbeat, rendezvous
from open_seq2seq.distributed.heartbeat import Heartbeat, heartbeats
from open_seq2seq.errors import LostWorkerError
from open_seq2seq.lazy import tf
from tests.support.log_lines import collected

PATIENCE_S = 20  # of a test, for something that takes a second


class Room:
    """What Horovod's object collectives do, for threads."""

    def __init__(self, size):
        self._values = [None] * size
        self._barrier = threading.Barrier(size, timeout=PATIENCE_S)

    def exchange(self, rank, value):
        self._values[rank] = value
        self._barrier.wait()
        values = list(self._values)
        self._barrier.wait()
        return values


class Horovod:
    """One thread's view of the room."""

    def __init__(self, room, rank):
        self._room, self._rank = room, rank

    def broadcast_object(self, value, root_rank):
        return self._room.exchange(self._rank, value)[root_rank]

    def allgather_object(self, value):
        return self._room.exchange(self._rank, value)


def all_at_once(size, act):
    """Return what ``act(workers)`` gives for each of ``size`` workers."""
    room = Room(size)
    workers = [Workers(rank, size, rank, size, Horovod(room, rank)) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(act, workers))


def start_heartbeats(size, timeout_s=60.0):
    # a silent thread of this process is not to be killed, and its process not to be ended
    return all_at_once(size, lambda workers: Heartbeat(workers, timeout_s, kills_silent=True))


@contextlib.contextmanager
def closing(beats):
    try:
        yield
    finally:
        for each in beats:
            each.close()


def cause_of(each):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        cause = each.find_cause()
        if "rank" in cause:
            return cause
    raise AssertionError("nobody was named")


def test_whoever_ends_without_a_farewell_is_named_to_all():
    beats = start_heartbeats(3)
    beats[2].close()
    with closing(beats[:2]):
        for each in beats[:2]:
            assert (
                cause_of(each)
                == f"rank 2 (process {os.getpid()} on {socket.gethostname()}) has ended"
            )


def test_whoever_says_farewell_is_not_missed():
    beats = start_heartbeats(2)
    beats[1].say_farewell()
    beats[1].close()
    with closing(beats[:1]):
        assert "every process that is watched sends heartbeats" in beats[0].find_cause()


@pytest.mark.parametrize("silent", [0, 1])
def test_whoever_is_silent_is_named(silent, monkeypatch):
    beats = start_heartbeats(2, timeout_s=1.5)
    monkeypatch.setattr(beats[silent], "_send", lambda line: None)
    with closing(beats):
        assert f"rank {silent} " in (cause := cause_of(beats[1 - silent]))
        assert "sent no heartbeat for" in cause


def test_a_process_that_was_stopped_itself_does_not_blame_the_others(monkeypatch):
    monkeypatch.setattr(
        heartbeat, "_SUSPECT_S", 0.0
    )  # every turn of the loop looks as if it had been stopped before it
    beats = start_heartbeats(2, timeout_s=0.5)
    monkeypatch.setattr(beats[1], "_send", lambda line: None)
    with closing(beats):
        time.sleep(1.5)
        assert beats[0]._cause == ""


def test_a_silent_process_of_this_machine_is_killed_where_the_others_can_go_on(monkeypatch):
    beats = start_heartbeats(2, timeout_s=1.0)
    silent = subprocess.Popen(["sleep", "600"])
    try:
        members = [
            member._replace(pid=silent.pid) if member.rank else member
            for member in beats[0]._members
        ]
        monkeypatch.setattr(beats[0], "_members", members)
        monkeypatch.setattr(beats[1], "_send", lambda line: None)
        with closing(beats):
            assert silent.wait(PATIENCE_S) == -signal.SIGKILL
    finally:
        silent.kill()


def test_a_process_whose_main_thread_waits_for_ever_is_ended(monkeypatch, capsys):
    ended, statuses = threading.Event(), []
    monkeypatch.setattr(heartbeat, "_GRACE_S", 0.1)
    monkeypatch.setattr(os, "_exit", lambda status: statuses.append(status) or ended.set())
    with collected() as lines:
        first, second = all_at_once(2, lambda workers: Heartbeat(workers, 60.0, kills_silent=False))
        second.close()
        with closing([first]):
            assert ended.wait(PATIENCE_S)
    assert statuses == [LostWorkerError.exit_status] and statuses[0] != 0
    assert "rank 1 " in lines[0]
    assert f"error: {lines[0]}; this process stops too" in capsys.readouterr().err


def test_a_failed_collective_becomes_the_name_of_the_lost():
    met = threading.Event()
    message = r"rank 1 \(process \d+ on .*\) has ended; this process stops too"

    def act(workers):
        if workers.rank == 1:
            Heartbeat(workers, 60.0, kills_silent=True).close()
            met.set()
            return
        with pytest.raises(LostWorkerError, match=message), heartbeats(workers, 60.0):
            met.wait(PATIENCE_S)
            raise tf.errors.UnknownError(None, None, "Horovod has been shut down.")

    with collected() as lines:
        all_at_once(2, act)
    assert len(lines) == 1 and "has ended" in lines[0]


def test_a_loss_during_the_rendezvous_is_one_too():
    class Broken(Horovod):
        def allgather_object(self, value):
            raise tf.errors.UnknownError(None, None, "Horovod has been shut down.")

    workers = Workers(0, 2, 0, 2, Broken(Room(1), 0))
    n_threads = threading.active_count()
    with (
        collected() as lines,
        pytest.raises(LostWorkerError, match="before the rendezvous of all was over"),
        heartbeats(workers, 60.0),
    ):
        raise AssertionError("the run began without the others")
    assert len(lines) == 1
    assert threading.active_count() == n_threads


def test_other_errors_stay_what_they_are():
    def act(workers):
        with pytest.raises(tf.errors.ResourceExhaustedError), heartbeats(workers, 60.0):
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    all_at_once(2, act)


def test_strangers_are_not_let_in(monkeypatch):
    answers = []

    def connect(addresses, greeting):
        for stranger in ("", "guess 1\n", "\xff\n"):
            with socket.create_connection(
                ("127.0.0.1", addresses[0][1]), timeout=PATIENCE_S
            ) as peer:
                peer.sendall(stranger.encode("latin-1"))
                peer.shutdown(socket.SHUT_WR)
                answers.append(peer.recv(100))
        return None

    monkeypatch.setattr(rendezvous, "_connect", connect)
    for members, peers in all_at_once(2, rendezvous.rendezvous):
        assert peers == {}
        assert [member.rank for member in members] == [0, 1]
    assert answers == [b"", b"", b""]
