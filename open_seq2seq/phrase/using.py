"""Training, calibration and export of a detector: the command open-seq2seq with its modes."""

from __future__ import annotations

import json
import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from open_seq2seq import cli
from open_seq2seq.detection.advice import RateNotReached
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.trial import check_runtime
from open_seq2seq.phrase.recipe import CONFIG
from open_seq2seq.system.files import remove
from open_seq2seq.system.terminal import complain, say

RESULT, EXPORTED, DETECTION = "result", "exported", "detection"
FLOAT, MICRO = "float", "micro"
_FORMATS = {FLOAT: "tflite", MICRO: "tflite_micro"}

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """A signal has stopped a mode, which has saved what it had."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def run_command(arguments: Sequence[str]) -> None:
    """Print a command and do what it says, as the command itself does.

    Raises:
        UserError: as the command.
        Stopped: its exit status is not 0.
    """
    say(f"$ {shlex.join(['open-seq2seq', *arguments])}")
    status = cli.main(list(arguments))
    if status:
        raise Stopped(status)


def train(folder: Path) -> dict[str, Any]:
    """Train, or continue where training was stopped."""
    run_command(
        [f"--config_file={folder / CONFIG}", "--mode=train_eval", "--no_dir_check"],
    )
    return {}


def calibrate(
    folder: Path,
    false_accepts_per_hour: float,
    window_s: float,
    validation: Mapping[str, str],
    test: Mapping[str, str],
) -> dict[str, Any]:
    """Choose thresholds on validation corpora and measure on the others.

    Where the rate is not reached the default thresholds are measured, and ``error`` says why.

    Args:
        folder: of the detector.
        false_accepts_per_hour: wanted rate.
        window_s: of the detector.
        validation: names of corpora, and their paths from the folder.
        test: the same, of those that are measured on.
    """
    command = [
        "--mode=detect",
        f"--logdir={folder / RESULT}",
        "--method=incremental",
        f"--window_s={window_s:.1f}",
        f"--false_accepts_per_hour={false_accepts_per_hour}",
    ]
    corpora = [
        [f"{name}={folder / path}" for name, path in each.items()] for each in (validation, test)
    ]
    try:
        run_command([*command, f"--calibrate={as_list(corpora[0])}", *corpora[1]])
    except RateNotReached as error:
        complain(f"warning: {error}")
        run_command([*command, *corpora[1]])
        return {"error": str(error)}
    return {}


def as_list(texts: list[str]) -> str:
    """Return a list as a flag takes it; without quotes, where none are needed."""
    if all(re.fullmatch(r"[\w./=-]+", text) for text in texts):
        return ",".join(texts)
    return str(texts)


def tell_missing() -> None:
    """Warn of exports whose runtimes are not installed, before anything is made."""
    for format in _FORMATS.values():
        try:
            check_runtime(format)
        except UserError as error:
            complain(f"warning: {error}; without it the detector is made, and not exported")
            return


def export(folder: Path, window_s: float) -> dict[str, Any]:
    """Export as LiteRT with floats, and for microcontrollers; tell of each what hindered it."""
    facts: dict[str, Any] = {}
    for name, format in _FORMATS.items():
        target = folder / EXPORTED / name
        remove(target)
        try:
            run_command(
                [
                    "--mode=export",
                    f"--logdir={folder / RESULT}",
                    f"--export_dir={target}",
                    f"--export_format={format}",
                    f"--export_clip_s={window_s:.1f}",
                ]
            )
            facts[name] = {
                path.name: path.stat().st_size for path in sorted(target.glob("*.tflite"))
            }
        except UserError as error:
            complain(f"warning: {error}")
            facts[name] = {"error": str(error)}
    return facts


def measure_file(folder: Path, tracks: Path) -> dict[str, Any]:
    """Measure the file for microcontrollers on tracks of the phrases; return its counts."""
    files = folder / EXPORTED / MICRO
    run_command(
        [
            "--mode=detect",
            f"--logdir={folder / RESULT}",
            f"--micro_dir={files}",
            f"--detect_dir={files / DETECTION}",
            f"tracks={tracks}",
        ]
    )
    summary = json.loads((files / DETECTION / "summary.json").read_text(encoding="utf-8"))
    return {"all": summary["corpora"]["tracks"]["all"]}
