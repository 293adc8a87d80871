"""The files of a measurement: events.csv, det.json, det.png and summary.json."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from open_seq2seq.config.calibration import Calibration
from open_seq2seq.detection.counts import ALL
from open_seq2seq.detection.curves import Curve
from open_seq2seq.detection.intervals import hours_needed, upper_bound
from open_seq2seq.detection.measuring import JudgedEvent, Measurement
from open_seq2seq.errors import UserError
from open_seq2seq.system.files import partial_path, write_text, written_aside
from open_seq2seq.system.paths import NAME_ERRORS

EVENTS, CURVES, PLOT, SUMMARY = "events.csv", "det.json", "det.png", "summary.json"
_COLUMNS = (
    "corpus", "path", "start", "end", "label", "score", "result", "word_start", "word_end",
)  # fmt: skip

logger = logging.getLogger(__name__)


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written, before the work is done.

    Raises:
        UserError: it cannot.
    """
    is_new = not folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = partial_path(folder / SUMMARY)
        partial.touch()
        partial.unlink()
        if is_new:
            folder.rmdir()
    except OSError as error:
        raise _cannot_write(folder, error) from None


def write_results(
    folder: Path,
    measurement: Measurement,
    curves: Sequence[Curve],
    about: dict[str, Any],
    calibration: tuple[Calibration, Measurement] | None = None,
) -> None:
    """Write the files, each whole or not at all.

    Args:
        folder: is made if it is missing.
        measurement: what was measured.
        curves: of the same sound.
        about: what else the summary says, in JSON's types.
        calibration: and what its settings did on its own sound, if it was made just now.

    Raises:
        UserError: a file cannot be written.
    """
    wanted = about["false_accepts_per_hour_wanted"]
    summary = {**about, **_summary(measurement, wanted)}
    if calibration is not None:
        made, own = calibration
        summary["calibration"] = {**made.model_dump(), "measured": _summary(own, wanted)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        det = {"curves": [curve.as_json() for curve in curves]}
        for name, text in (
            (EVENTS, _events_as_csv(measurement.events)),
            (CURVES, json.dumps(det, indent=2) + "\n"),
            (SUMMARY, json.dumps(summary, indent=2) + "\n"),
        ):
            write_text(folder / name, text, NAME_ERRORS)
        if find_spec("matplotlib") is None:
            logger.info(
                f'{PLOT} needs matplotlib: pip install "open-seq2seq-speech-commands[plots]"'
            )
            return
        from open_seq2seq.detection.plot import plot_curves

        with written_aside(folder / PLOT) as partial:
            plot_curves(partial, curves, measurement.all)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def _summary(measurement: Measurement, wanted: float) -> dict[str, Any]:
    counts = measurement.all
    shown: dict[str, Any] = {"hours_needed_without_an_event": hours_needed(wanted)}
    if counts.hours:
        bound = upper_bound(counts.false_accepts, counts.hours)
        shown |= {"at_most_per_hour": bound, "is_wanted_rate_shown": bound <= wanted}
    return {
        "settings": measurement.settings.model_dump(),
        "match_tolerance_s": measurement.tolerance_s,
        "corpora": {
            name: {
                "labels": {label: each.as_json() for label, each in its.items() if label != ALL},
                "all": its[ALL].as_json(),
                "highest_false_accepts": [
                    _record(each) for each in measurement.highest_false_accepts(name)
                ],
            }
            for name, its in measurement.corpora.items()
        },
        "labels": {
            label: each.as_json() for label, each in measurement.together.items() if label != ALL
        },
        "all": counts.as_json(),
        "evidence": shown,
    }


def _record(each: JudgedEvent) -> dict[str, Any]:
    return {
        "path": each.path,
        "start": each.event.start,
        "end": each.event.end,
        "label": each.event.label,
        "score": each.event.score,
        "result": each.result,
    }


def _events_as_csv(events: Sequence[JudgedEvent]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in events:
        times = (each.event.start, each.event.end, each.word_start, each.word_end)
        start, end, *word = ("" if time is None else f"{time:.4f}" for time in times)
        score = repr(each.event.score)  # near 1 all its digits count
        writer.writerow(
            [each.corpus, each.path, start, end, each.event.label, score, each.result, *word]
        )
    return text.getvalue()


def _cannot_write(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"detect_dir: cannot write {folder} ({error.strerror or error}); name another folder with "
        "--detect_dir=DIR"
    )
