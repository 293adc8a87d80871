"""The report of a detector: what was made, how it did, what that is worth, how to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from open_seq2seq.config.phrase_params import PhraseParams
from open_seq2seq.errors import UserError, counted
from open_seq2seq.phrase.recipe import DELAY_S
from open_seq2seq.phrase.report_text import Facts, lines_of
from open_seq2seq.phrase.steps import SIMILAR
from open_seq2seq.phrase.using import DETECTION, RESULT
from open_seq2seq.system.files import write_text
from open_seq2seq.system.paths import NAME_ERRORS

REPORT, REPORT_JSON = "report.md", "report.json"
_SUMMARY = f"{RESULT}/{DETECTION}/summary.json"
_SOUND = {
    "tracks": "phrases by synthetic voices in noise",
    "speech": "running speech by synthetic voices",
    "negatives": "your recordings without the phrases",
    "recordings": "your recordings of the phrases",
}


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
        write_text(folder / REPORT_JSON, json.dumps(content, indent=2) + "\n", NAME_ERRORS)
        results = list(_results(measured, done))
        worth = _worth(params, done)
        wanted = params.false_accepts_per_hour
        lines = lines_of(folder, phrases, wanted, done, measured, results, worth)
        write_text(folder / REPORT, "\n".join(lines) + "\n", NAME_ERRORS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"output_dir: cannot write the report in {folder} ({reason}); make room, and give the "
            "same command again"
        ) from None
    return [*results, worth]


def _people(params: PhraseParams, done: Facts) -> dict[str, bool]:
    own = done.get("data", {}).get("recordings") or {}
    return {"recall": bool(own.get("test")), "false_accepts": params.negatives is not None}


def _results(measured: Facts, done: Facts) -> Iterator[str]:
    """Yield a line for each corpus."""
    for name, corpus in measured["corpora"].items():
        counts = corpus["all"]
        if name == SIMILAR:
            n = counted(counts["false_accepts"], "false accept")
            yield (
                f"words that sound nearly like it, by synthetic voices: {n} of "
                f"{done[SIMILAR]['words']} words"
            )
            continue
        yield f"{_SOUND.get(name, name)}: {_counted(counts)}"
    if "device" in done:
        counts = _counted(done["device"]["all"])
        yield f"the file for microcontrollers, on the same phrases: {counts}"


def _counted(counts: Facts) -> str:
    parts = [f"{counts['hours']:.2f} h"]
    if counts["said"]:
        low, high = counts["recall_interval"]
        parts.append(
            f"recall {counts['recall']:.1%} of {counts['said']} (95 % interval {low:.1%} to "
            f"{high:.1%})"
        )
    low, high = counts["false_accepts_per_hour_interval"]
    parts.append(
        f"{counted(counts['false_accepts'], 'false accept')}, "
        f"{counts['false_accepts_per_hour']:.2f} per hour (95 % interval {low:.2f} to {high:.2f})"
    )
    return ", ".join(parts)


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
