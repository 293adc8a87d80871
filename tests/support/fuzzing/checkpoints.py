"""Checkpoints that are corrupt, and forged ones with matching digests."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.logdir import load_run
from open_seq2seq.storage.progress import Progress, RunInfo
from tests.support.fuzzing.edits import damage, pick, put_no_file
from tests.support.fuzzing.harness import refusal_of

_MODEL = {
    "dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "dense/bias": np.ones(4, np.float32),
}
_PROGRESS = Progress(step=7, row=5, n_rows=10, best_top1=0.9)
_INFO = RunInfo(labels=("go", "no"), dataset_version="v2")
_VALUES = (
    None,
    True,
    -1,
    1e400,
    10**400,
    "x",
    [],
    [1],
    {},
    ["a", None],
    {"a": 1},
    [[[[]]]],
    "\ud800",
)
_FILES = ("model.npz", "training.npz", "state.json")


class _Harm:
    """An object that would make a folder if it were unpickled."""

    def __init__(self, trace: str) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self._trace,)


class Fuzzer:
    """One small checkpoint, loaded as ``from_pretrained`` and ``--mode=infer`` load it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        made = checkpoints.save(
            folder / "made", Checkpoint(_MODEL, {"step": np.array(7)}, _PROGRESS, _INFO), keep=1
        )
        self._contents = {name: (made / name).read_bytes() for name in _FILES}
        shutil.rmtree(folder / "made")
        self._path = folder / "step-00000007"

    def run(self, rng: np.random.Generator) -> str:
        contents = dict(self._contents)
        kind = pick(rng, ("sound", "corrupt", "corrupt", "forged", "forged", "forged", "no file"))
        what = kind
        if kind == "corrupt":
            name = pick(rng, _FILES)
            contents[name], how = damage(rng, contents[name], head=400)
            what = f"{name} {how}"
        elif kind == "forged":
            what, contents = self._forge(rng)
        self._path.mkdir()
        for name, content in contents.items():
            (self._path / name).write_bytes(content)
        if kind == "no file":
            what = self._put_no_file(rng)
        try:
            with refusal_of(what, str(self._path), is_sound=kind == "sound"):
                checkpoint = load_run(self._path)
        finally:
            shutil.rmtree(self._path)
            left = os.listdir(self._folder)
            assert left == [], f"{what}: {left} are left"
        if checkpoint is None:
            assert kind == "no file", f"{what}: no checkpoint found"
            return what
        assert kind != "sound" or checkpoint.model.keys() == _MODEL.keys()
        for name, array in checkpoint.model.items():
            assert isinstance(array, np.ndarray) and array.dtype != object, f"{what}: {name}"
            if kind in ("sound", "corrupt"):  # values other than the written ones are refused
                np.testing.assert_array_equal(array, _MODEL[name])
        assert isinstance(checkpoint.step, int), what
        assert all(isinstance(label, str) for label in checkpoint.labels), what
        return what

    def _forge(self, rng: np.random.Generator) -> tuple[str, dict[str, bytes]]:
        contents, state = dict(self._contents), json.loads(self._contents["state.json"])
        del state["sha256"]
        if rng.random() < 0.4:
            part = pick(rng, (state, state["progress"], state["info"]))
            key = pick(rng, list(part))
            part[key] = pick(rng, _VALUES)
            what = f"state {key} {str(part[key])[:30]}"
            if rng.random() < 0.3:
                del part[key]
        else:
            name = pick(rng, ("model.npz", "training.npz"))
            what, contents[name] = self._odd_arrays(rng, contents[name])
        digests = {
            name: hashlib.sha256(contents[name]).hexdigest()
            for name in ("model.npz", "training.npz")
        }
        try:
            text = json.dumps(state, sort_keys=True)
            digests["state"] = hashlib.sha256(text.encode()).hexdigest()
            contents["state.json"] = json.dumps({**state, "sha256": digests}, indent=1).encode()
        except ValueError:  # a number with too many digits
            contents["state.json"] = b'{"step": ' + b"9" * 5000 + b"}"
        if rng.random() < 0.1:
            contents["state.json"] = pick(
                rng, (b"[" * 10**5, b"[]", b"3", b"null", b"\xff", b"{}", b'{"sha256": 1}', b'"x"')
            )
        return what, contents

    def _odd_arrays(self, rng: np.random.Generator, content: bytes) -> tuple[str, bytes]:
        kind = pick(
            rng,
            (
                "pickle",
                "text",
                "dates",
                "records",
                "compressed",
                "bytes",
                "npy",
                "huge",
                "corrupt",
                "no zip",
            ),
        )
        file = io.BytesIO()
        odd: dict[str, Any] = {
            "pickle": np.array([_Harm(str(self._folder / "trace"))], dtype=object),
            "text": np.array(["a"]),
            "dates": np.array(["2001-01-01"], "M8[D]"),
            "records": np.zeros(2, [("a", "O")]),
        }
        if kind in odd:
            np.savez(file, a=odd[kind])
        elif kind == "compressed":
            np.savez_compressed(file, a=np.zeros(10**6))
        elif kind == "npy":
            np.save(file, pick(rng, (odd["pickle"], np.zeros(3))))
        elif kind == "corrupt":
            file.write(damage(rng, content, head=200)[0])
        elif kind == "no zip":
            file.write(
                pick(
                    rng,
                    (
                        b"",
                        b"PK\x03\x04",
                        b"PK\x05\x06" + bytes(18),
                        b"\x80\x04N.",
                        b"\x93NUMPY",
                        rng.bytes(99),
                    ),
                )
            )
        else:
            header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % pick(
                rng, (-1, 10**7, 10**12, 10**30)
            )
            npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
            with zipfile.ZipFile(file, "w") as archive:
                if kind == "huge":
                    archive.writestr("a.npy", npy)
                else:
                    archive.writestr("a", b"not an array")
        return kind, file.getvalue()

    def _put_no_file(self, rng: np.random.Generator) -> str:
        path = self._path / pick(rng, _FILES)
        path.unlink()
        what = pick(rng, ("absent", "folder", "pipe", "device", "loop"))
        put_no_file(path, what)
        return f"{path.name} {what}"
