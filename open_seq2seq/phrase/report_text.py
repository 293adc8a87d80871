"""The text of a detector's report."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import counted
from open_seq2seq.phrase.recipe import CONFIG, DELAY_S
from open_seq2seq.phrase.using import EXPORTED, RESULT, as_list

_SHOWN = 5  # of the highest false accepts of a corpus

Facts = Mapping[str, Any]


def lines_of(
    folder: Path,
    phrases: Sequence[str],
    wanted: float,
    done: Facts,
    measured: Facts,
    results: Sequence[str],
    worth: str,
) -> Iterator[str]:
    """Yield the lines of report.md.

    Args:
        folder: of the detector.
        phrases: the labels.
        wanted: false accepts per hour.
        done: what each step has told.
        measured: the summary of the measurement.
        results: a line for each corpus.
        worth: what these results are worth.
    """
    yield f"# Detector of {' and '.join(phrases)}"
    yield ""
    yield f"## What it does at {wanted:g} false accepts per hour"
    yield ""
    yield from (f"- {line}" for line in results)
    yield ""
    yield f"**{worth}.**"
    yield ""
    yield from _settings(measured, done)
    yield from _highest(measured)
    yield from _made(done)
    yield from _files(done)
    yield from _usage(folder, measured)


def _settings(measured: Facts, done: Facts) -> Iterator[str]:
    settings = measured["settings"]
    if error := done["calibration"].get("error"):
        yield f"**The thresholds are not calibrated.** {error}"
        yield ""
    thresholds = settings["thresholds"] or {"all": settings["threshold"]}
    shown = ", ".join(f"{label} {value:.6g}" for label, value in thresholds.items())
    yield "| setting | value |"
    yield "|---|---|"
    yield f"| threshold | {shown} |"
    yield f"| averaged windows, one each {settings['hop_s']:g} s | {settings['smoothing']} |"
    yield f"| window | {settings['window_s']:g} s |"
    yield f"| look-ahead of the network | {DELAY_S:.2f} s |"
    latency = measured["all"]["latency_median_s"]
    if latency is not None:
        yield f"| delay from the end of a phrase to its event, median | {latency:.2f} s |"
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
    words = f"{data['confusables']} that sound nearly like it, {data['words']} others"
    yield f"- synthetic voices: {data['voices']}, four fifths for training; none is in two splits"
    yield f"- words and phrases beside it: {words}"
    for name, n_rows in data["rows"].items():
        yield f"- data/{name}: {n_rows:,} clips"
    if own := data.get("recordings"):
        how = "by speaker" if own["speakers_test"] else "by file, so a speaker may be in both"
        yield f"- your recordings: {own['train']} to train on, {own['test']} for testing, {how}"
    for split, minutes in done["speech"]["minutes"].items():
        yield f"- speech/{split}: {minutes:g} minutes of synthetic sentences, English and others"
    for split in SPLITS:
        if facts := done.get("negatives", {}).get(split):
            recordings = counted(facts["recordings"], "recording")
            yield f"- negatives/{split}: {recordings} of yours, {facts['hours']:.2f} h"
    for split, use in (("val", "calibration"), ("test", "testing")):
        yield f"- tracks/{split}: {done[split]['hours']:.2f} h for {use}"
    total = sum(each["seconds"] for each in done.values())
    cpu = sum(each["cpu_seconds"] for each in done.values())
    yield f"- time: {total / 60:.1f} minutes, of CPU time {cpu / 60:.1f} minutes"
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


def _usage(folder: Path, measured: Facts) -> Iterator[str]:
    result = shlex.quote(str(folder / RESULT))
    config = shlex.quote(str(folder / CONFIG))
    yield "## Using it, and going on"
    yield ""
    yield "```"
    yield f"open-seq2seq --mode=stream --logdir={result} microphone"
    yield f"open-seq2seq --mode=detect --logdir={result} FOLDER_OF_RECORDINGS"
    yield f"open-seq2seq-mine --logdir={result} --output_dir=mined FOLDER_OF_RECORDINGS"
    yield f"open-seq2seq --config_file={config} --mode=train_eval --logdir=ANOTHER_FOLDER"
    if corpora := measured.get("calibration", {}).get("corpora", []):
        chosen_on = as_list([f"{each['name']}={each['path']}" for each in corpora])
        settings = f"--method=incremental --window_s={measured['settings']['window_s']:g}"
        flag = shlex.quote(f"--calibrate={chosen_on}")
        yield f"open-seq2seq --mode=detect --logdir=ANOTHER_FOLDER {settings} {flag}"
    yield "```"
    yield ""
    yield "It listens; it is measured on recordings; what it takes for the phrase becomes clips to"
    yield "train on, as a further source in the config; it is trained again; and the thresholds of"
    yield "what was trained are chosen."
