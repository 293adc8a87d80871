"""A disk that is full or read-only, a logdir that is gone, an output that takes no more: a message,
nothing torn.
"""

import json
import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from open_seq2seq.system.files import append_line
from tests.support.paths import ROOT

STEPS = ("--num_epochs=None", "--save_checkpoint_steps=2", "--lr_policy_params/decay_steps=100")


@pytest.fixture
def limit_files(monkeypatch):
    """Return a function that limits the size of files that this process writes, which needs no
    rights of anybody.

    What would be too long is cut short, and then refused, as on a full disk.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def act_after(after_step):
    """Return a function that has something done after a step of training."""

    def arrange(step, action):
        after_step.append(lambda record: record.step == step and action())

    return arrange


def newest(logdir):
    return checkpoints.load_newest(logdir / "checkpoints")


@pytest.mark.long
def test_a_disk_that_fills_up_or_turns_read_only_ends_a_run_with_a_message(tone_dataset, tmp_path):
    if subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path], check=False
    ).returncode:
        pytest.skip(
            "this system lets nobody mount a disk in a namespace of one's own (unshare -rm)"
        )
    script = [sys.executable, "-m", "tests.support.small_disk"]
    command = ["unshare", "-rm", *script, tmp_path, tone_dataset]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_checkpoint_that_finds_no_room_ends_the_run_and_leaves_the_others(
    run, tmp_path, limit_files, act_after
):
    act_after(3, lambda: limit_files(30000))
    with pytest.raises(
        UserError,
        match=r"cannot save a checkpoint in .*run/checkpoints \(File too large\); earlier",
    ):
        run("train", tmp_path / "run", *STEPS, "--max_steps=9")
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000002"]
    assert newest(tmp_path / "run").step == 2


@pytest.mark.slow
def test_lines_that_find_no_room_are_lost_and_not_the_run(run, tmp_path, capsys):
    for name in ("run.log", "metrics.jsonl"):
        (tmp_path / name).symlink_to("/dev/full")
    assert run("train_eval", tmp_path, "--no_dir_check", "--num_epochs=2") == 0
    assert newest(tmp_path).step == 18
    out = capsys.readouterr().out
    for name in ("run.log", "metrics.jsonl"):
        assert (
            out.count(
                f"{tmp_path}/{name}: cannot be written (No space left on device); the run continues"
            )
            == 1
        )


def test_summaries_that_find_no_room_are_lost_and_not_the_run(run, tmp_path, limit_files, capsys):
    limit_files(150_000)  # a checkpoint takes 60,000 bytes, the histograms of a step 10,000
    args = ["--summaries=['variables', 'gradients']", "--save_summaries_steps=1", "--max_steps=30"]
    assert run("train", tmp_path / "run", *STEPS, *args) == 0
    assert newest(tmp_path / "run").step == 30
    out = capsys.readouterr().out
    assert (
        out.count(f"{tmp_path}/run/tensorboard/train: cannot be written (") == 1
        and "File too large" in out
    )


@pytest.mark.parametrize("is_back", [False, True], ids=["deleted", "replaced"])
def test_a_logdir_that_is_gone_is_not_made_again(run, tmp_path, act_after, is_back):
    def take_away():
        (tmp_path / "run").rename(tmp_path / "moved")
        if is_back:
            (tmp_path / "run").mkdir()

    act_after(3, take_away)
    with pytest.raises(
        UserError,
        match=r"run was deleted or moved while the run was going on; nothing more can be saved",
    ):
        run("train", tmp_path / "run", *STEPS, "--max_steps=9", "--save_summaries_steps=1")
    assert newest(tmp_path / "moved").step == 2
    assert not [path for path in (tmp_path / "run").rglob("*") if path.name != "run.log"]
    assert is_back or not (tmp_path / "run").exists()


TALK = """
from open_seq2seq.system.terminal import run_command
from open_seq2seq.storage.reporting import Reporter
import logging
from open_seq2seq.system.terminal import logging_to

with logging_to(Reporter(is_chief=True)):
    logger = logging.getLogger("open_seq2seq.test")
    run_command(lambda: [logger.info("x" * 99) for _ in range(999)] and 0)
"""


def test_an_output_that_takes_nothing_does_not_end_a_run():
    """Of stdout and stderr on a full disk, nothing is left but the exit status."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        for arguments, status in ((["-c", TALK], 0), (["run.py", "--config_file=missing.py"], 2)):
            command = [sys.executable, *arguments]
            done = subprocess.run(
                command, cwd=ROOT, stdout=full, stderr=full, check=False, env=buffered
            )
            assert done.returncode == status


def test_a_line_is_whole_or_absent(tmp_path, limit_files):
    path = tmp_path / "metrics.jsonl"
    append_line(path, json.dumps({"step": 1}), to_disk=True)
    whole = path.read_bytes()
    for n_bytes in range(len(whole), len(whole) + 12):
        limit_files(n_bytes)
        with pytest.raises(OSError, match="File too large"):
            append_line(path, json.dumps({"step": 2}), to_disk=True)
        assert path.read_bytes() == whole
    limit_files(resource.RLIM_INFINITY)
    for torn in (b'{"step"', b"\0" * 100_000):  # by a kill, by a power cut
        path.write_bytes(whole + torn)
        append_line(path, json.dumps({"step": 2}), to_disk=True)
        assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_lines_of_several_processes_are_all_there(tmp_path):
    """An evaluation may be run beside the training."""
    path = tmp_path / "metrics.jsonl"
    command = [sys.executable, "-c", APPEND, path]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert all(process.stdout.read(1) for process in processes)  # they are there
    for process in processes:
        process.stdin.close()
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    assert path.read_text().splitlines() == ["x" * 900] * 8000


APPEND = """
import sys
from pathlib import Path
from open_seq2seq.system.files import append_line

print("!", flush=True)
sys.stdin.read()
for _ in range(2000):
    append_line(Path(sys.argv[1]), "x" * 900, to_disk=False)
"""


def test_a_line_has_reached_the_disk_when_it_should(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.pread(file, 100, 0)))
    append_line(tmp_path / "file", "one", to_disk=False)
    append_line(tmp_path / "file", "two", to_disk=True)
    assert flushed == [b"one\ntwo\n"]


def test_a_cache_takes_its_room_at_once_or_is_refused(tmp_path, limit_files):
    """Were it sparse, a full disk would kill the process at a row that is put much later."""
    cache = ArrayCache(1000, (100,), np.float32, str(tmp_path), "key")
    assert cache.values.nbytes == 400_000
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.glob("*/values.npy")) >= 400_000
    shutil.rmtree(tmp_path)
    limit_files(100_000)
    with pytest.raises(UserError, match=r"cache_dir: cannot use .* \(File too large\)"):
        ArrayCache(1000, (100,), np.float32, str(tmp_path), "key")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_predictions_that_find_no_room_leave_what_was_there(run, tmp_path, limit_files):
    assert run("train", tmp_path / "run", *STEPS, "--max_steps=2") == 0
    output = tmp_path / "out.csv"
    output.write_text("of an earlier run\n")
    limit_files(1000)
    with pytest.raises(
        UserError, match=r"--infer_output_file: cannot write .*out.csv \(File too large\)"
    ):
        run("infer", tmp_path / "run", f"--infer_output_file={output}")
    assert output.read_text() == "of an earlier run\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "run"]
