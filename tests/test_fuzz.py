"""A few hundred bad inputs of every kind, and the worst of them through run.py; trials/fuzz.py runs
thousands.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from open_seq2seq.cli import main
from open_seq2seq.data.dataset_versions import LABELS
from open_seq2seq.system.terminal import run_command
from tests.support.fuzzing import harness
from tests.support.paths import TINY

SEED = 0
N_INPUTS = {
    "audio": 100,
    "manifests": 60,
    "configs": 60,
    "tars": 40,
    "nemo": 40,
    "checkpoints": 60,
}


@pytest.mark.parametrize("kind", N_INPUTS)
def test_bad_inputs_are_used_rightly_or_refused_in_words(tmp_path, kind):
    fuzzer = importlib.import_module(f"tests.support.fuzzing.{kind}").Fuzzer(tmp_path)
    report = harness.run(fuzzer, SEED, range(N_INPUTS[kind]))
    assert not report.failures, "\n".join(report.failures)
    # both happen, or the inputs are not what they are meant to be
    assert report.n_accepted > N_INPUTS[kind] / 20 and report.n_refused > N_INPUTS[kind] / 20


def _write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _put_pipe(folder: Path) -> None:
    (folder / "v2-12-train.csv").unlink()
    os.mkfifo(folder / "v2-12-train.csv")


def _put_loop(folder: Path) -> None:
    (folder / "clip.wav").unlink()
    (folder / "clip.wav").symlink_to("clip.wav")


WORST = {
    "a clip with NaN": (
        lambda folder: soundfile.write(folder / "clip.wav", [np.nan], 16000, "FLOAT"),
        "clip.wav: it holds samples",
    ),
    "a clip that is text": (_write("clip.wav", b"RIFF, or not"), "clip.wav: Format not recognised"),
    "a clip that is a loop": (_put_loop, "no such file"),
    "a manifest that is a pipe": (
        _put_pipe,
        "v2-12-train.csv: not a readable CSV manifest (It is a pipe",
    ),
    "labels shifted by a column": (
        _write("v2-12-train.csv", b"label,path\n1,0,clip.wav\n"),
        "line 2",
    ),
    "a config that exits": (_write("config.py", b"exit(0)\n"), "config.py, line 1: SystemExit"),
    "a config that is no text": (_write("config.py", b"\xff\xfe\0"), "config.py"),
    "a config within itself": (
        _write("config.py", TINY.read_bytes() + b"base_params['x'] = base_params\n"),
        "a part of itself",
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), WORST.values(), ids=WORST)
def test_run_py_refuses_the_worst_with_status_2_and_writes_nothing(
    tmp_path, capsys, spoil, expected
):
    (tmp_path / "v2-12-labels.txt").write_text("\n".join(LABELS["v2-12"]))
    soundfile.write(tmp_path / "clip.wav", np.zeros(16000), 16000)
    for split in ("train", "val", "test"):
        (tmp_path / f"v2-12-{split}.csv").write_text("label,path\n0,clip.wav\n")
    (tmp_path / "config.py").write_bytes(TINY.read_bytes())
    spoil(tmp_path)
    flags = [
        f"--config_file={tmp_path / 'config.py'}",
        f"--dataset_location={tmp_path}",
        f"--logdir={tmp_path / 'log'}",
    ]
    with pytest.raises(SystemExit) as end:
        run_command(lambda: main(["--mode=train_eval", *flags]))
    written = capsys.readouterr()
    assert end.value.code == 2, written.err
    assert expected in written.err and "Traceback" not in written.err + written.out
    assert not (tmp_path / "log").exists()
