"""What a run has recorded, read from its logdir; what is missing is named."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from open_seq2seq.errors import UserError
from open_seq2seq.storage import evaluations
from open_seq2seq.storage.evaluations import EvaluationRecord
from open_seq2seq.storage.metrics import METRICS_FILE, TRAINING_FILE, step_records
from open_seq2seq.storage.starts import FILE as STARTS_FILE
from open_seq2seq.storage.starts import RunStart, load_starts

SPLITS = ("test", "val")  # the one that counts comes first
DETECTION = Path("detection", "summary.json")
_CURVES = "det.json"


class Evaluated(NamedTuple):
    """An evaluation and its clips."""

    record: EvaluationRecord
    clips: pd.DataFrame


class Recorded(NamedTuple):
    """All that is known of a run."""

    logdir: Path
    starts: list[RunStart]  # the first one first
    evaluations: dict[str, Evaluated]  # by split, in the order of `SPLITS`
    metrics: list[dict[str, Any]]  # lines of metrics.jsonl
    training: list[dict[str, Any]]  # lines of training.jsonl, each step once
    energy_wh: float | None  # of all steps, also those that were taken again; None: not known
    detection: dict[str, Any] | None  # summary of --mode=detect
    curves: list[dict[str, Any]]  # DET curves
    missing: list[str]  # what is not there, and what to do

    @property
    def training_clips_per_s(self) -> float | None:
        """Speed of the median step; None where none is recorded."""
        rates = [rate for rate in _numbers(self.training, "clips_per_s") if rate]
        return statistics.median(rates) if rates else None


def read(logdir: Path) -> Recorded:
    """Read a run's records.

    Raises:
        UserError: there is no run.
    """
    try:
        next(logdir.iterdir(), None)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"logdir: {logdir} is no folder; name the logdir of a run") from None
    except OSError as error:
        raise UserError(
            f"logdir: cannot read {logdir} ({error.strerror}); name the logdir of a run"
        ) from None
    missing: list[str] = []
    evaluated, unread = {}, set(SPLITS)
    for split in SPLITS:
        try:
            found = evaluations.load(logdir, split)
        except UserError as error:
            missing.append(str(error))
            unread.discard(split)
            continue
        if found is not None:
            evaluated[split] = Evaluated(*found)
            unread.discard(split)
    metrics, training = (_lines(logdir / name, missing) for name in (METRICS_FILE, TRAINING_FILE))
    starts = load_starts(logdir)
    if not (evaluated or metrics or training or starts):
        raise UserError(
            f"logdir: {logdir} has no records of a run ({METRICS_FILE}, {evaluations.FOLDER}/); "
            "name the logdir of a run of this toolkit"
        )
    if not evaluated:
        missing.append(
            "clips: the run has not ended with an evaluation, or is of an earlier version, so that "
            "what the model said of each clip is not known; --mode=eval records it"
        )
    if not starts:
        why = "the run is of an earlier version, which did not record them"
        if (logdir / STARTS_FILE).exists():
            why = f"nothing in {STARTS_FILE} can be read"
        missing.append(f"config, command and versions: {why}")
    for split, section in (("test", "test"), ("val", "eval")):
        if evaluated and starts and section in starts[-1].manifests and split in unread:
            missing.append(
                f"clips of {split}: their last evaluation is not recorded; --mode=eval records it"
            )
    if not training:
        missing.append("training loss: nothing of the steps was recorded")
    return Recorded(
        logdir,
        starts,
        evaluated,
        metrics,
        list({line["step"]: line for line in training}.values()),
        _energy_wh(training),
        _json(logdir / DETECTION, missing),
        (_json((logdir / DETECTION).with_name(_CURVES), missing) or {}).get("curves", []),
        missing,
    )


def _energy_wh(training: list[dict[str, Any]]) -> float | None:
    joules = _numbers(training, "energy_j")
    return sum(joules) / 3600 if joules else None


def _numbers(lines: list[dict[str, Any]], name: str) -> list[float]:
    return [line[name] for line in lines if isinstance(line.get(name), int | float)]


def _lines(path: Path, missing: list[str]) -> list[dict[str, Any]]:
    """Return the records of steps of a file."""
    records = step_records(_text(path, missing))
    if not records and path.exists():
        missing.append(f"{path.name}: no step is recorded in it")
    return records


def _json(path: Path, missing: list[str]) -> dict[str, Any] | None:
    text = _text(path, missing)
    if not text and not path.exists():
        return None
    try:
        content = json.loads(text, parse_constant=lambda _: None)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        missing.append(f"{path.parent.name}/{path.name}: not a record; --mode=detect writes it")
        return None
    return content


def _text(path: Path, missing: list[str]) -> str:
    """Return the text of a file; "" where it is not there, or cannot be read, which is named."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        missing.append(f"{path.name}: it cannot be read ({error.strerror})")
        return ""
