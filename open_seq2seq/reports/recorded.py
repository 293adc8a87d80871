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
from open_seq2seq.storage.metrics import METRICS_FILE, TRAINING_FILE
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
        rates = [line["clips_per_s"] for line in self.training if line.get("clips_per_s")]
        return statistics.median(rates) if rates else None


def read(logdir: Path) -> Recorded:
    """Read a run's records.

    Raises:
        UserError: there is no run.
    """
    if not logdir.is_dir():
        raise UserError(f"logdir: {logdir} is no folder; name the logdir of a run")
    missing: list[str] = []
    evaluated = {}
    for split in SPLITS:
        try:
            found = evaluations.load(logdir, split)
        except UserError as error:
            missing.append(str(error))
            continue
        if found is not None:
            evaluated[split] = Evaluated(*found)
    metrics, training = _lines(logdir / METRICS_FILE), _lines(logdir / TRAINING_FILE)
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
        missing.append(
            "config, command and versions: the run is of an earlier version, which did not record "
            "them"
        )
    if not training:
        missing.append("training loss: nothing of the steps was recorded")
    return Recorded(
        logdir,
        starts,
        evaluated,
        metrics,
        list({line["step"]: line for line in training if "step" in line}.values()),
        _energy_wh(training),
        _json(logdir / DETECTION),
        (_json((logdir / DETECTION).with_name(_CURVES)) or {}).get("curves", []),
        missing,
    )


def _energy_wh(training: list[dict[str, Any]]) -> float | None:
    joules = [line["energy_j"] for line in training if "energy_j" in line]
    return sum(joules) / 3600 if joules else None


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file of JSON lines; a line that was cut short is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
