"""The calibration of a run's detector: ``detector.json`` in its logdir."""

from __future__ import annotations

import json
from pathlib import Path

from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.problems import find_problems
from open_seq2seq.errors import UserError, listed
from open_seq2seq.storage.logdir import BEST, LAST
from open_seq2seq.system.files import check_text, partial_path, write_text

NAME = "detector.json"


def logdir_of(source: Path) -> Path:
    """Return the logdir of a run, of which a checkpoint or a folder of them may be named."""
    for folder in (source, source.parent):
        if folder.name in (LAST, BEST):
            return folder.parent
    return source


def read_calibration(source: Path) -> Calibration | None:
    """Return the calibration of a run, None where there is none.

    Args:
        source: its logdir, or one of its checkpoints.

    Raises:
        UserError: the file cannot be used.
    """
    path = logdir_of(source) / NAME
    if not path.is_file():
        return None
    try:
        check_text(path)
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, str(getattr(error, "strerror", None) or error)) from None
    if not isinstance(values, dict):
        raise _unusable(path, "it is no calibration")
    for name in ("recall_interval", "rate_interval"):  # JSON has lists
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    if problems := find_problems(Calibration, values, "detector"):
        raise _unusable(path, f"it is no calibration:{listed(problems, 5)}\n")
    return Calibration(**values)


def check_writable(logdir: Path) -> None:
    """Refuse a logdir that cannot be written, before the work is done.

    Raises:
        UserError: it cannot.
    """
    path = logdir / NAME
    try:
        partial_path(path).touch()
        partial_path(path).unlink()
    except OSError as error:
        raise _not_writable(path, error) from None


def write_calibration(calibration: Calibration, logdir: Path) -> Path:
    """Save the calibration of a run, whole or not at all, and return the path.

    Raises:
        UserError: it cannot be written.
    """
    path = logdir / NAME
    try:
        write_text(path, json.dumps(calibration.model_dump(), indent=2) + "\n")
    except OSError as error:
        raise _not_writable(path, error) from None
    return path


def _not_writable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"logdir: cannot write {path} ({error.strerror or error}); copy the run to where you can "
        "write, and calibrate the copy"
    )


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: cannot be used ({reason}); remove it, and calibrate again with --mode=detect"
    )
