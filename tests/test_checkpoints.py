"""Checkpoints: whole or not at all."""

import json

import numpy as np
import pytest

from open_seq2seq import checkpoints
from open_seq2seq.checkpoints import Checkpoint, DamagedCheckpointError
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import keras


def make(step):
    state = {"step": step, "epoch": step / 10, "labels": ["a", "b"], "dataset_version": "v2", "best_top1": 0.5}
    model = {"dense/kernel": np.full((2, 3), step, np.float32)}
    return Checkpoint(model, {"optimizer/iterations": np.array(step)}, state)


def test_what_is_saved_is_loaded(tmp_path):
    path = checkpoints.save(tmp_path, make(7), keep=2)
    assert path.name == "step-00000007"
    loaded = checkpoints.load(path)
    assert loaded.state == make(7).state and loaded.step == 7
    np.testing.assert_array_equal(loaded.model["dense/kernel"], make(7).model["dense/kernel"])
    np.testing.assert_array_equal(loaded.training["optimizer/iterations"], 7)


def test_only_the_newest_are_kept(tmp_path):
    for step in (9, 20, 100, 3000000000):
        checkpoints.save(tmp_path, make(step), keep=2)
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path)] == ["step-00000100", "step-3000000000"]


def test_a_checkpoint_is_kept_also_where_a_damaged_one_claims_to_be_later(tmp_path):
    """A run that falls back to step 900 and saves again must not lose what it has just saved."""
    for step in (900, 1000, 910):
        checkpoints.save(tmp_path, make(step), keep=1)
    assert [p.name for p in checkpoints.list_checkpoints(tmp_path)] == ["step-00000910"]


def test_the_same_step_can_be_saved_again(tmp_path):
    for _ in range(2):
        checkpoints.save(tmp_path, make(5), keep=1)
    assert checkpoints.load_newest(tmp_path).step == 5


@pytest.mark.parametrize("name", ["model.npz", "training.npz", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_one_is_named_and_the_one_before_it_taken(tmp_path, name, damage):
    checkpoints.save(tmp_path, make(1), keep=5)
    path = checkpoints.save(tmp_path, make(2), keep=5) / name
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2 if name != "state.json" else 1] ^= 0x55
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    if damage == "remove":
        path.unlink()
    said = []
    assert checkpoints.load_newest(tmp_path, said.append).step == 1
    assert len(said) == 1 and "step-00000002: damaged" in said[0]


def test_a_half_written_one_does_not_count(tmp_path):
    checkpoints.save(tmp_path, make(1), keep=5)
    (tmp_path / ".step-00000002.partial").mkdir()
    assert checkpoints.load_newest(tmp_path).step == 1


def test_all_damaged_is_an_error_and_none_is_none(tmp_path):
    assert checkpoints.load_newest(tmp_path / "nothing") is None
    (checkpoints.save(tmp_path, make(1), keep=5) / "model.npz").unlink()
    with pytest.raises(UserError, match="all 1 checkpoints are damaged"):
        checkpoints.load_newest(tmp_path, lambda line: None)


def test_pickled_objects_are_never_loaded(tmp_path):
    path = checkpoints.save(tmp_path, make(1), keep=1)
    np.savez(path / "model.npz", x=np.array([object()], dtype=object))
    state = json.loads((path / "state.json").read_text())
    state["sha256"]["model.npz"] = checkpoints._sha256(path / "model.npz")
    (path / "state.json").write_text(json.dumps(state))
    with pytest.raises(DamagedCheckpointError):
        checkpoints.load(path)


def test_values_find_their_variables_by_name_and_shape():
    dense = keras.layers.Dense(3, name="dense")
    dense.build((None, 2))
    checkpoints.assign(dense.variables, {"dense/kernel": np.ones((2, 3)), "dense/bias": np.ones(3)}, "model")
    np.testing.assert_array_equal(dense.kernel, np.ones((2, 3)))
    with pytest.raises(UserError) as caught:
        checkpoints.assign(dense.variables, {"dense/kernel": np.ones((3, 3)), "other": np.ones(3)}, "model")
    for line in ("dense/bias: not in the checkpoint", "other: not in the model", "(3, 3) in the checkpoint, (2, 3)"):
        assert line in str(caught.value)
