"""Checkpoints: whole or not at all."""

import contextlib
import errno
import hashlib
import io
import json
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from open_seq2seq.config.early_stopping import Patience
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras
from open_seq2seq.storage import checkpoints, variables
from open_seq2seq.storage.checkpoints import Checkpoint, CorruptCheckpointError
from open_seq2seq.storage.progress import Progress, RunInfo
from tests.support.paths import ROOT

savez = np.savez


class Crash(Exception):
    pass


def crash(*args, **kwargs):
    raise Crash


def make(step):
    model = {"dense/kernel": np.full((2, 3), step, np.float32)}
    return Checkpoint(
        model,
        {"optimizer/iterations": np.array(step)},
        Progress(
            step=step, epoch=3, row=5, n_rows=10, best_top1=0.5, patience=Patience(n_waited=2)
        ),
        RunInfo(labels=("a", "b"), dataset_version="v2"),
    )


def test_what_is_saved_is_loaded(tmp_path):
    path = checkpoints.save(tmp_path, make(7), keep=2)
    assert path.name == "step-00000007"
    loaded = checkpoints.load(path)
    assert loaded[2:] == make(7)[2:] and (loaded.step, loaded.labels) == (7, ("a", "b"))
    np.testing.assert_array_equal(loaded.model["dense/kernel"], make(7).model["dense/kernel"])
    np.testing.assert_array_equal(loaded.training["optimizer/iterations"], 7)


def test_only_the_newest_are_kept(tmp_path):
    for step in (9, 20, 100, 3000000000):
        checkpoints.save(tmp_path, make(step), keep=2)
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path)] == [
        "step-00000100",
        "step-3000000000",
    ]


def test_a_checkpoint_is_kept_also_where_a_damaged_one_claims_to_be_later(tmp_path):
    """A run that falls back to step 900 and saves again must not lose what it has just saved."""
    for step in (900, 1000, 910):
        checkpoints.save(tmp_path, make(step), keep=1)
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path)] == ["step-00000910"]


def test_the_same_step_can_be_saved_again_and_the_first_stays_until_it_is(tmp_path, monkeypatch):
    first = make(5)
    checkpoints.save(tmp_path, first, keep=1)
    for accuracy in (0.6, 0.7):
        again = first._replace(progress=first.progress.replace(best_top1=accuracy))
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", crash)
            with pytest.raises(Crash):
                checkpoints.save(tmp_path, again, keep=1)
        assert checkpoints.load_newest(tmp_path).progress.best_top1 < accuracy
        checkpoints.save(tmp_path, again, keep=1)
        assert checkpoints.load_newest(tmp_path).progress.best_top1 == accuracy
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000005.2"]


def test_nothing_is_deleted_before_the_newest_is_there_and_verified(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, make(1), keep=1)
    monkeypatch.setattr(
        np,
        "savez",
        lambda file, **arrays: savez(
            file, **{k: v + 1 for k, v in arrays.items() if k != "allow_pickle"}
        ),
    )
    with pytest.raises(OSError, match="dense/kernel was not written as it is"):
        checkpoints.save(tmp_path, make(2), keep=1)
    monkeypatch.undo()
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path)] == ["step-00000001"]


@pytest.mark.parametrize("n_calls", range(8))
def test_a_crash_while_saving_leaves_what_was_there_or_what_is_saved(
    tmp_path, monkeypatch, n_calls, caplog
):
    """Ended at each call to the system that changes names, one after the other."""
    for step in (1, 2):
        checkpoints.save(tmp_path, make(step), keep=2)
    left = [n_calls]

    def ends(function):
        def call(*args, **kwargs):
            left[0] -= 1
            return crash() if left[0] < 0 else function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for module, name in ((os, "rename"), (shutil, "rmtree"), (os, "fsync")):
            patch.setattr(module, name, ends(getattr(module, name)))
        with contextlib.suppress(Crash):
            checkpoints.save(tmp_path, make(3), keep=2)
    assert checkpoints.load_newest(tmp_path).step in (2, 3) and not caplog.messages
    checkpoints.save(tmp_path, make(4), keep=2)
    assert sorted(p.name for p in tmp_path.iterdir())[-1] == "step-00000004"
    assert len(list(tmp_path.iterdir())) == 2  # nothing half done is left


@pytest.mark.parametrize("name", ["model.npz", "training.npz", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_one_is_named_and_the_one_before_it_taken(tmp_path, name, damage, caplog):
    checkpoints.save(tmp_path, make(1), keep=5)
    path = checkpoints.save(tmp_path, make(2), keep=5) / name
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2 if name != "state.json" else 1] ^= 0x55
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    if damage == "remove":
        path.unlink()
    assert checkpoints.load_newest(tmp_path).step == 1
    assert len(caplog.messages) == 1 and "step-00000002: corrupt" in caplog.messages[0]


@pytest.mark.parametrize("name", ["model.npz", "training.npz", "state.json"])
def test_any_flipped_bit_and_any_cut_is_noticed(tmp_path, name):
    file = checkpoints.save(tmp_path, make(2), keep=5) / name
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(whole), size=150):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        for damaged in (data, whole[:place]):
            file.write_bytes(damaged)
            with pytest.raises(CorruptCheckpointError):
                checkpoints.load(file.parent)
    file.write_bytes(whole)
    assert checkpoints.load(file.parent).step == 2


def test_damage_of_any_kind_is_noticed_and_got_over():
    """The short form of what CONTRIBUTING.md says how to run at length."""
    command = [sys.executable, "trials/damage_test.py", "--damages=250", "--seed=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 0 not detected or not handled" in done.stdout


def test_one_under_the_name_of_another_step_is_not_the_newest(tmp_path, caplog):
    for step in (1, 2):
        checkpoints.save(tmp_path, make(step), keep=5)
    (tmp_path / "step-00000001").rename(tmp_path / "step-00000003")
    assert checkpoints.load_newest(tmp_path).step == 2
    assert "step-00000003: corrupt, it holds step 1" in caplog.messages[0]


def test_what_is_left_of_a_damaged_one_is_no_hindrance(tmp_path):
    """A file, or a link to somewhere else, in its place: it is deleted in its turn, and nothing of
    what it leads to.
    """
    elsewhere = checkpoints.save(tmp_path / "elsewhere", make(2), keep=1)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "step-00000001").touch()
    (folder / ".step-00000001.partial").touch()
    (folder / "step-00000002").symlink_to(elsewhere)
    checkpoints.save(folder, make(3), keep=1)
    assert [path.name for path in folder.iterdir()] == ["step-00000003"]
    assert checkpoints.load(elsewhere).step == 2


def test_all_that_is_written_waits_for_the_disk_before_it_is_visible(tmp_path, monkeypatch):
    """In this order: the files and the names of the files, then the name of the checkpoint, then
    the folder's own.
    """
    done = []
    fsync, rename, replace, load = os.fsync, os.rename, os.replace, checkpoints.load

    def note(what):
        done.append(what.removeprefix(f"{tmp_path}/"))

    monkeypatch.setattr(
        os, "fsync", lambda file: note(os.readlink(f"/proc/self/fd/{file}")) or fsync(file)
    )
    monkeypatch.setattr(os, "rename", lambda old, new: note(f"{new}: renamed") or rename(old, new))
    monkeypatch.setattr(
        os, "replace", lambda old, new: note(f"{new}: renamed") or replace(old, new)
    )
    monkeypatch.setattr(checkpoints, "load", lambda path: note(f"{path}: verified") or load(path))
    for step in (1, 2):
        checkpoints.save(tmp_path / "new" / "checkpoints", make(step), keep=1)

    def saved(name):
        partial = f"new/checkpoints/.{name}.partial"
        files = [f"{partial}{part}" for part in ("/model.npz", "/training.npz", "/state.json", "")]
        return [
            *files,
            f"{partial}: verified",
            f"new/checkpoints/{name}: renamed",
            "new/checkpoints",
        ]

    hidden = "new/checkpoints/.step-00000001.deleted: renamed"
    assert done == ["new", *saved("step-00000001"), *saved("step-00000002"), hidden]


def test_a_save_that_fails_gives_the_room_back(tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"some of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoints.save(tmp_path, make(1), keep=1)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, make(2), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_half_written_one_does_not_count(tmp_path):
    checkpoints.save(tmp_path, make(1), keep=5)
    (tmp_path / ".step-00000002.partial").mkdir()
    assert checkpoints.load_newest(tmp_path).step == 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match=rf"{tmp_path}: cannot be read \(Permission denied\)"):
        checkpoints.load_newest(tmp_path)


def test_all_damaged_is_an_error_and_none_is_none(tmp_path):
    assert checkpoints.load_newest(tmp_path / "nothing") is None
    (checkpoints.save(tmp_path, make(1), keep=5) / "model.npz").unlink()
    with pytest.raises(UserError, match="all 1 checkpoints are corrupt"):
        checkpoints.load_newest(tmp_path)


@pytest.mark.slow
def test_a_reader_beside_a_run_that_keeps_one_never_sees_damage(tmp_path):
    checkpoints.save(tmp_path, make(1), keep=1)
    saving = threading.Thread(
        target=lambda: [checkpoints.save(tmp_path, make(step), keep=1) for step in range(2, 150)]
    )
    saving.start()
    steps = []
    while saving.is_alive():
        steps.append(checkpoints.load_newest(tmp_path).step)
    saving.join()
    assert len(steps) > 20 and steps == sorted(steps)
    assert checkpoints.load_newest(tmp_path).step == 149


def test_a_checkpoint_that_vanishes_at_every_look_is_no_damage(tmp_path, monkeypatch):
    """One is deleted between its listing and its reading, and a newer one is there."""
    checkpoints.save(tmp_path, make(1), keep=1)
    read_text, newer = pathlib.Path.read_text, iter(range(2, 6))

    def replace(path, *args, **kwargs):
        monkeypatch.setattr(pathlib.Path, "read_text", read_text)
        for step in newer:
            checkpoints.save(tmp_path, make(step), keep=1)
            monkeypatch.setattr(pathlib.Path, "read_text", replace)
            break
        return read_text(path, *args, **kwargs)

    monkeypatch.setattr(pathlib.Path, "read_text", replace)
    assert checkpoints.load_newest(tmp_path).step == 5


def test_what_only_training_needs_may_be_missing_for_use(tmp_path):
    path = checkpoints.save(tmp_path, make(3), keep=1)
    (path / "training.npz").unlink()
    loaded = checkpoints.load_newest(tmp_path, to_resume=False)
    assert (loaded.step, loaded.training) == (3, {})
    np.testing.assert_array_equal(loaded.model["dense/kernel"], make(3).model["dense/kernel"])
    with pytest.raises(CorruptCheckpointError, match=r"training\.npz"):
        checkpoints.load(path)


class Harm:
    """What would make a folder if it were unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def forge(path, content=None, **changes):
    """Change a checkpoint as somebody would who makes its digests fit."""
    state = json.loads((path / "state.json").read_text())
    del state["sha256"]
    state |= changes
    if content is not None:
        (path / "model.npz").write_bytes(content)
    digests = {
        name: hashlib.sha256((path / name).read_bytes()).hexdigest()
        for name in ("model.npz", "training.npz")
    }
    digests["state"] = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
    (path / "state.json").write_text(json.dumps({**state, "sha256": digests}, indent=1))


def npz(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def test_a_changed_byte_between_the_values_of_the_state_is_noticed(tmp_path):
    path = checkpoints.save(tmp_path, make(1), keep=1) / "state.json"
    path.write_text(path.read_text().replace("\n ", "\n\t", 1))
    with pytest.raises(CorruptCheckpointError, match=r"state\.json is not what was written"):
        checkpoints.load(path.parent)


def test_pickled_objects_are_never_loaded(tmp_path):
    for content in (
        npz(x=np.array([Harm(tmp_path / "trace")], dtype=object)),
        pickle.dumps(Harm(tmp_path / "trace")),
    ):
        path = checkpoints.save(tmp_path / "checkpoints", make(1), keep=1)
        forge(path, content)
        with pytest.raises(CorruptCheckpointError, match="allow_pickle"):
            checkpoints.load(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "not a zip file"),
        (npz()[:-5], "not a zip file"),
        (npz(np.savez_compressed, x=np.zeros(10**6)), "model.npz has compressed parts"),
        (npz(x=np.array(["a"])), "model.npz: x is no array of numbers"),
        (npz(x=np.array(["2001-01-01"], "M8[D]")), "model.npz: x is no array of numbers"),
    ],
)
def test_arrays_that_are_never_written_are_refused(tmp_path, content, message):
    path = checkpoints.save(tmp_path, make(1), keep=1)
    forge(path, content)
    with pytest.raises(CorruptCheckpointError, match=message):
        checkpoints.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"info": {}}, "labels: Field required"),
        ({"info": {"labels": ["a", 3]}}, "labels/1: Input should be a valid string"),
        ({"progress": {"step": "7"}}, "step: Input should be a valid integer"),
        ({"progress": {"step": -1}}, "step: Input should be greater than or equal to 0"),
        ({"progress": {"epoch": []}}, "epoch: Input should be a valid integer"),
        ({"progress": {"place": 1}}, "place: Extra inputs are not permitted"),
        ({"progress": None}, "cannot be read|should be an object"),
    ],
)
def test_a_state_that_no_run_writes_is_refused(tmp_path, changes, message):
    path = checkpoints.save(tmp_path, make(1), keep=1)
    forge(path, **changes)
    with pytest.raises(CorruptCheckpointError, match=message):
        checkpoints.load(path)


def test_a_state_without_end_and_a_pipe_are_refused(tmp_path):
    path = checkpoints.save(tmp_path, make(1), keep=1)
    (path / "model.npz").unlink()
    os.mkfifo(path / "model.npz")
    with pytest.raises(CorruptCheckpointError, match="It is a pipe, expected a file"):
        checkpoints.load(path)
    path = checkpoints.save(tmp_path, make(2), keep=1)
    (path / "state.json").write_text("[" * 100_000)
    with pytest.raises(CorruptCheckpointError, match=r"cannot be read .*recursion"):
        checkpoints.load(path)


def test_values_find_their_variables_by_name_and_shape():
    dense = keras.layers.Dense(3, name="dense")
    dense.build((None, 2))
    variables.assign(
        dense.variables, {"dense/kernel": np.ones((2, 3)), "dense/bias": np.ones(3)}, "model"
    )
    np.testing.assert_array_equal(dense.kernel, np.ones((2, 3)))
    with pytest.raises(UserError) as caught:
        variables.assign(
            dense.variables, {"dense/kernel": np.ones((3, 3)), "other": np.ones(3)}, "model"
        )
    for line in (
        "dense/bias: missing, expected shape (3,)",
        "other: not in the model",
        "dense/kernel: shape (3, 3), expected (2, 3)",
    ):
        assert line in str(caught.value)
