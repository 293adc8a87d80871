"""The whole command with --quick: a detector that is measured, exported and listens."""

import contextlib
import json

import pytest

from open_seq2seq.cli import main as open_seq2seq
from open_seq2seq.commands import phrase as command
from open_seq2seq.errors import UserError


@pytest.mark.long
def test_quick_makes_a_detector_that_goes_on(tmp_path, capsys):
    folder = tmp_path / "hey_lamp"
    with contextlib.suppress(UserError):  # so little training may not reach the wanted rate
        command.main(["hey lamp", f"--output_dir={folder}", "--quick"])
    report = json.loads((folder / "report.json").read_text())
    assert set(report["measured"]["corpora"]) == {"tracks", "speech", "similar"}
    assert report["measured"]["corpora"]["tracks"]["all"]["said"] >= 3
    assert "open-seq2seq --mode=stream" in (folder / "report.md").read_text()
    assert list((folder / "exported" / "float").glob("*.tflite"))
    assert (
        report["steps"]["device"]["all"]["said"]
        == report["measured"]["corpora"]["tracks"]["all"]["said"]
    )
    assert (
        "the file for microcontrollers, on the same phrases: " in (folder / "report.md").read_text()
    )
    capsys.readouterr()
    again = tmp_path / "again"
    flags = ["--num_epochs=None", "--max_steps=1", "--eval_steps=1", f"--logdir={again}"]
    assert open_seq2seq([f"--config_file={folder / 'config.py'}", "--mode=train_eval", *flags]) == 0
    track = next((folder / "tracks" / "test").glob("*.wav"))
    assert open_seq2seq(["--mode=stream", f"--logdir={folder / 'result'}", str(track)]) == 0
