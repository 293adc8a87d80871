"""Comparison of two runs of eventful_config.py, bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.variables import differing

LAST_STEP = 39  # early stopping of eventful_config.py


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines, without a last line that a kill has left incomplete."""
    if not path.exists():
        return []
    text = path.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def evaluations(logdir: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """Return the lines of metrics.jsonl by step and split, without their durations.

    Of several lines for one step and split, it is the last.
    """
    lines = read_lines(logdir / "metrics.jsonl")
    return {(line["step"], line["split"]): line | {"seconds": None} for line in lines}


def differences(logdir: Path, expected: Path) -> list[str]:
    """Return every difference between the results of two finished runs."""
    problems = []
    for folder in ("checkpoints", "best_models"):
        names = [path.stem for path in checkpoints.list_checkpoints(logdir / folder)]
        expected_names = [path.stem for path in checkpoints.list_checkpoints(expected / folder)]
        # a kill can leave an older checkpoint, just before it is deleted
        if names[-len(expected_names) :] != expected_names:
            problems.append(f"{folder}: {names}, not {expected_names}")
        one, other = (checkpoints.load_newest(run / folder) for run in (logdir, expected))
        if one is None or other is None:
            problems.append(f"{folder}: empty")
            continue
        if one[2:] != other[2:]:
            problems.append(f"{folder}: {one[2:]}, not {other[2:]}")
        for part in ("model", "training"):
            names_of_others = differing(getattr(one, part), getattr(other, part))
            problems += [f"{folder}: {part}: {name}" for name in names_of_others]
    ours, theirs = evaluations(logdir), evaluations(expected)
    problems += [
        f"evaluation {key}"
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
    ]
    return problems


def strange_steps(steps: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Return every difference between the steps of a run and those of an uninterrupted run.

    The steps of the run include those that a kill has undone. They may restart from an earlier
    step, but never leave one out.
    """
    problems, last = [], 0
    for step in steps:
        if step["step"] > last + 1:
            problems.append(f"steps {last + 1} to {step['step'] - 1} are missing")
        last = step["step"]
        if last > len(expected):
            problems.append(f"step {last}: the run should be complete")
            continue
        problems += [
            f"step {last}: {name}"
            for name, value in step.items()
            if value != expected[last - 1][name]
        ]
    return problems
