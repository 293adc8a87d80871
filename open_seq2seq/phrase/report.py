"""The report of a detector: what was made, how it did, what that is worth, how to go on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from open_seq2seq.config.phrase_params import PhraseParams
from open_seq2seq.errors import UserError
from open_seq2seq.phrase.recipe import CONFIG, DELAY_S
from open_seq2seq.phrase.using import EXPORTED, RESULT
from open_seq2seq.system.files import flush_file, written_aside
from open_seq2seq.system.paths import NAME_ERRORS

REPORT, REPORT_JSON = "report.md", "report.json"
_SUMMARY = f"{RESULT}/detection/summary.json"
_SOUND = {
    "tracks": "phrases by synthetic voices in noise, and what sounds like them",
    "speech": "running speech by synthetic voices",
    "negatives": "your recordings without the phrases",
    "recordings": "your recordings of the phrases",
}
_SHOWN = 5  # of the highest false accepts of a corpus

Facts = Mapping[str, Any]


def write_report(
    folder: Path,
    phrases: Sequence[str],
    params: PhraseParams,
    done: Facts,
    window_s: float,
) -> list[str]:
    """Write report.md and report.json, and return what the terminal shows of them.

    Args:
        folder: of the detector.
        phrases: the labels.
        params: that were given.
        done: what each step has told.
        window_s: of the detector.

    Raises:
        UserError: a file cannot be read or written.
    """
    try:
        measured = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        content = {
            "phrases": list(phrases),
            "parameters": params.model_dump(),
            "window_s": window_s,
            "look_ahead_s": DELAY_S,
            "steps": dict(done),
            "measured": measured,
            "tested_on_people": _people(params, done),
        }
        _write(folder / REPORT_JSON, json.dumps(content, indent=2) + "\n")
        results = list(_results(measured))
        lines = _lines(folder, phrases, params, done, measured, results)
        _write(folder / REPORT, "\n".join(lines) + "\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"output_dir: cannot write the report in {folder} ({reason}); make room, and give the "
            "same command again"
        ) from None
    return [*results, _worth(params, done)]


def _people(params: PhraseParams, done: Facts) -> dict[str, bool]:
    own = done.get("data", {}).get("recordings") or {}
    return {"recall": bool(own.get("test")), "false_accepts": params.negatives is not None}


def _results(measured: Facts) -> Iterator[str]:
    """Yield a line for each corpus."""
    for name, corpus in measured["corpora"].items():
        counts = corpus["all"]
        parts = [f"{counts['hours']:.2f} h"]
        if counts["said"]:
            low, high = counts["recall_interval"]
            parts.append(
                f"recall {counts['recall']:.1%} of {counts['said']} (95 % interval {low:.1%} to "
                f"{high:.1%})"
            )
        low, high = counts["false_accepts_per_hour_interval"]
        parts.append(
            f"{counts['false_accepts']} false accepts, {counts['false_accepts_per_hour']:.2f} per "
            f"hour (95 % interval {low:.2f} to {high:.2f})"
        )
        yield f"{_SOUND.get(name, name)}: {', '.join(parts)}"


def _worth(params: PhraseParams, done: Facts) -> str:
    people = _people(params, done)
    if all(people.values()):
        return "recall and false accepts were measured on your own recordings"
    if people["false_accepts"]:
        return (
            "false accepts were measured on your recordings; recall on synthetic voices only. "
            "People are harder: expect less, and give --recordings"
        )
    if people["recall"]:
        return (
            "recall was measured on your recordings; false accepts on synthetic speech only. Real "
            "speech is harder: expect more, and give --negatives"
        )
    return (
        "all of this was measured on synthetic voices only. People are harder: expect less recall "
        "and more false accepts, and give --recordings and --negatives"
    )


def _lines(
    folder: Path,
    phrases: Sequence[str],
    params: PhraseParams,
    done: Facts,
    measured: Facts,
    results: Sequence[str],
) -> Iterator[str]:
    """Yield the lines of report.md."""
    yield f"# Detector of {' and '.join(phrases)}"
    yield ""
    yield f"## What it does at {params.false_accepts_per_hour:g} false accepts per hour"
    yield ""
    yield from (f"- {line}" for line in results)
    yield ""
    yield f"**{_worth(params, done)}.**"
    yield ""
    yield from _settings(measured, done)
    yield from _highest(measured)
    yield from _made(done)
    yield from _files(done)
    yield from _usage(folder)


def _settings(measured: Facts, done: Facts) -> Iterator[str]:
    settings = measured["settings"]
    if error := done["calibration"].get("error"):
        yield f"**The thresholds are not calibrated.** {error}"
        yield ""
    thresholds = settings["thresholds"] or {"all": settings["threshold"]}
    shown = ", ".join(f"{label} {value:.6g}" for label, value in thresholds.items())
    latency = measured["all"]["latency_median_s"]
    yield f"Threshold: {shown}. Averaged windows: {settings['smoothing']}, one each "
    yield f"{settings['hop_s']:g} s. Window: {settings['window_s']:g} s. The network looks "
    yield f"{DELAY_S:.2f} s ahead."
    if latency is not None:
        yield f"Half of the phrases are found within {latency:.2f} s after their end."
    yield ""


def _highest(measured: Facts) -> Iterator[str]:
    """Yield the false accepts of highest score, of test and of calibration."""
    own = measured.get("calibration", {}).get("measured", {}).get("corpora", {})
    found = [
        (f"{name}, {use}", each)
        for use, corpora in (("test", measured["corpora"]), ("calibration", own))
        for name, corpus in corpora.items()
        for each in corpus["highest_false_accepts"][:_SHOWN]
    ]
    if not found:
        return
    yield "## The surest false accepts, to listen to"
    yield ""
    yield "If a phrase is said there, it is no false accept. Such recordings cost recall: in"
    yield "training the phrase is taken for none, and the threshold is put above it. Take them out"
    yield "of --negatives and make the detector again."
    yield ""
    yield "| sound | recording | from, s | to, s | label | score |"
    yield "|---|---|---|---|---|---|"
    for name, each in found:
        path = Path(each["path"])
        file = f"{path.parent.name}/{path.name}"
        yield (
            f"| {name} | {file} | {each['start']:.2f} | {each['end']:.2f} | {each['label']} | "
            f"{each['score']:.6f} |"
        )
    yield ""


def _made(done: Facts) -> Iterator[str]:
    yield "## What was made"
    yield ""
    data = done["data"]
    yield f"- {data['voices']} synthetic voices, four fifths for training; none is in two splits"
    yield f"- {data['confusables']} words and phrases that sound nearly like it, and "
    yield f"  {data['words']} other words"
    for name, n_rows in data["rows"].items():
        yield f"- data/{name}: {n_rows:,} clips"
    if own := data.get("recordings"):
        how = "by speaker" if own["speakers_test"] else "by file, so a speaker may be in both"
        yield f"- your recordings: {own['train']} to train on, {own['test']} for testing, {how}"
    for split, minutes in done["speech"]["minutes"].items():
        yield f"- speech/{split}: {minutes:g} minutes of synthetic sentences in 15 languages"
    for split, facts in done.get("negatives", {}).items():
        if isinstance(facts, dict):
            yield (
                f"- negatives/{split}: {facts['recordings']} of your recordings, "
                f"{facts['hours']:.2f} h"
            )
    yield f"- tracks: {done['val']['hours']:.2f} h for calibration, {done['test']['hours']:.2f} h "
    yield "  for testing"
    total = sum(each["seconds"] for each in done.values())
    cpu = sum(each["cpu_seconds"] for each in done.values())
    yield f"- time: {total / 60:.1f} minutes, {cpu / 60:.1f} minutes of CPU time"
    yield ""


def _files(done: Facts) -> Iterator[str]:
    yield "## Files"
    yield ""
    yield f"- {CONFIG}: how it was trained; {RESULT}/: the trained model and its thresholds"
    for name in ("float", "micro"):
        facts = done["export"][name]
        if "error" in facts:
            yield f"- {EXPORTED}/{name}: not made. {facts['error']}"
            continue
        for file, n_bytes in facts.items():
            yield f"- {EXPORTED}/{name}/{file}: {n_bytes:,} bytes"
    yield ""


def _usage(folder: Path) -> Iterator[str]:
    result = shlex.quote(str(folder / RESULT))
    config = shlex.quote(str(folder / CONFIG))
    yield "## Using it, and going on"
    yield ""
    yield "```"
    yield f"open-seq2seq --mode=stream --logdir={result} microphone"
    yield f"open-seq2seq --mode=detect --logdir={result} FOLDER_OF_RECORDINGS"
    yield f"open-seq2seq-mine --logdir={result} --output_dir=mined FOLDER_OF_RECORDINGS"
    yield f"open-seq2seq --config_file={config} --mode=train_eval --logdir=ANOTHER_FOLDER"
    yield "```"
    yield ""
    yield "It listens; it is measured on recordings; what it takes for the phrase becomes clips to"
    yield "train on, as a further source in the config; it is trained again."


def _write(path: Path, text: str) -> None:
    with (
        written_aside(path) as partial,
        open(partial, "w", encoding="utf-8", errors=NAME_ERRORS) as file,
    ):
        file.write(text)
        flush_file(file)
