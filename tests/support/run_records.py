"""What a run of eventful_config.py leaves, compared bit by bit with what another one leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from open_seq2seq.storage import checkpoints

LAST_STEP = 39  # eventful_config.py says why


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines; a last one without its end, which a kill has cut short, is not
    one.
    """
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def evaluations(logdir: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """Return the lines of metrics.jsonl by step and split, without the time they took; the last of
    each counts.
    """
    lines = read_lines(logdir / "metrics.jsonl")
    return {(line["step"], line["split"]): line | {"seconds": None} for line in lines}


def differences(logdir: Path, expected: Path) -> list[str]:
    """Name whatever of a finished run is not bit by bit what it is in another one."""
    found = []
    for folder in ("checkpoints", "best_models"):
        names = [
            [path.stem for path in checkpoints.list_checkpoints(run / folder)]
            for run in (logdir, expected)
        ]
        if (
            names[0][-len(names[1]) :] != names[1]
        ):  # a kill may leave an older one, just before it is deleted
            found.append(f"{folder}: {names[0]}, not {names[1]}")
        one, other = (checkpoints.load_newest(run / folder) for run in (logdir, expected))
        if one is None or other is None:
            found.append(f"{folder}: empty")
            continue
        if one[2:] != other[2:]:
            found.append(f"{folder}: {one[2:]}, not {other[2:]}")
        for part in ("model", "training"):
            ours, theirs = getattr(one, part), getattr(other, part)
            for name in ours.keys() | theirs.keys():
                if (
                    name not in ours
                    or name not in theirs
                    or ours[name].tobytes() != theirs[name].tobytes()
                ):
                    found.append(f"{folder}: {part}: {name}")
    ours, theirs = evaluations(logdir), evaluations(expected)
    found += [
        f"evaluation {key}"
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
    ]
    return found


def strange_steps(steps: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Name the steps, those included that a kill has undone, that are not the ones of an
    undisturbed run.

    They may begin again from an earlier one, but never leave one out.
    """
    found, last = [], 0
    for step in steps:
        if step["step"] > last + 1:
            found.append(f"steps {last + 1} to {step['step'] - 1} are left out")
        last = step["step"]
        if last > len(expected):
            found.append(f"step {last}: the run should be over")
            continue
        found += [
            f"step {last}: {name}"
            for name, value in step.items()
            if value != expected[last - 1][name]
        ]
    return found
