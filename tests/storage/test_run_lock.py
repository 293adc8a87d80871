"""One training run to a logdir."""

import fcntl
import subprocess
import sys

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.storage import run_lock

HOLDER = """
import sys
from pathlib import Path
from open_seq2seq.storage import run_lock

with run_lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_second_run_is_refused_and_changes_nothing(run, tmp_path):
    args = ["--num_epochs=None", "--save_checkpoint_steps=1"]
    assert run("train", tmp_path / "run", *args, "--max_steps=1") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    with run_lock.held(tmp_path / "run"):
        for flag in ("--continue_learning", "--no_dir_check"):
            with pytest.raises(
                UserError, match=r"another run is training in .*/run; wait for it or stop it"
            ):
                run("train", tmp_path / "run", *args, "--max_steps=2", flag)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    assert run("train", tmp_path / "run", *args, "--max_steps=2", "--continue_learning") == 0


def test_a_killed_run_leaves_no_lock(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="another run is training"):
        run_lock.check(tmp_path)
    holder.kill()
    holder.communicate()
    run_lock.check(tmp_path)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, caplog):
    def refuse(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with run_lock.held(tmp_path):
        assert "cannot be locked (No locks available)" in caplog.messages[0]
