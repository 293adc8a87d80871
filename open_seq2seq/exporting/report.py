"""The report of an export: what was made, how it did, and the model card beside the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from open_seq2seq.exporting import web
from open_seq2seq.exporting.trial import Trial

CARD = "model_card.json"
_OUTPUTS = {
    "softmax": "probabilities of the labels",
    "sigmoid": "the probability of each label against all others; their sum is not 1",
}


class Report(NamedTuple):
    """What an export has made, each file with its trial."""

    folder: Path
    description: dict[str, Any]
    clips: str  # on which the files were tried, in words
    calibration: str | None
    trials: list[Trial]

    def as_json(self) -> dict[str, Any]:
        """Return the report in JSON's types."""
        return {
            "model": self.description,
            "clips": self.clips,
            "calibration": self.calibration,
            "files": [trial._asdict() for trial in self.trials],
        }

    def as_markdown(self) -> str:
        """Return the model card."""
        d = self.description
        front_end = "".join(f"| {key} | {value} |\n" for key, value in d["front_end"].items())
        labels = ", ".join(d["labels"])
        (length, *rest) = d["input"]["shape"]
        shape = " x ".join(map(str, (length, *rest)))
        return (
            f"# Model card\n\n"
            f"Tells apart {len(d['labels'])} labels, in this order: {labels}.\n\n"
            f"- Input: {d['input']['name']}, {shape}, at {d['sample_rate']:,} Hz; float32 between "
            "-1 and 1, or int16 where the table says so.\n"
            f"- Output: {_OUTPUTS[d['output_kind']]}.\n"
            f"- Weights: SHA-256 {d['weights_sha256']}, step {d['checkpoint_step']}.\n"
            f"- Made by open_seq2seq {d['open_seq2seq']}.\n"
            f"{_detector(d)}\n"
            f"## Files\n\n{self.table()}\n"
            f"Tried on {self.clips}, each file by its own runtime, one clip at a time in one "
            "thread. The checkpoint was given the same clips.\n"
            + self._page()
            + (f"Calibrated on {self.calibration}.\n" if self.calibration else "")
            + _microcontroller(d.get("microcontroller"))
            + f"\n## Front end\n\n| key | value |\n|---|---|\n{front_end}"
        )

    def _page(self) -> str:
        if all(trial.file != web.FOLDER for trial in self.trials):
            return ""
        return (
            "\nThe page listens in a browser. Serve its folder and open the address that the "
            f"command prints: `{web.how_to_serve(self.folder)}`.\n"
        )

    def table(self) -> str:
        """Return a row for each file."""
        head = (
            "| file | bytes | ms, median | ms, 95 % | accuracy | checkpoint | labels changed | "
            "largest difference |\n"
        )
        rows = [
            f"| {t.file} | {t.n_bytes:,} | {t.median_ms:.2f} | {t.percentile_95_ms:.2f} | "
            f"{_percent(t.accuracy)} | {_percent(t.checkpoint_accuracy)} | "
            f"{t.n_changed:,} of {t.n_clips:,} | {t.largest_difference:.2g} |\n"
            for t in self.trials
        ]
        return head + "|---|---|---|---|---|---|---|---|\n" + "".join(rows)

    def write(self, folder: Path) -> None:
        """Write report.json, model_card.json, model_card.md and labels.txt."""
        for name, content in (
            ("report.json", self.as_json()),
            (CARD, self.description),
        ):
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            Path(folder, name).write_text(text, encoding="utf-8", errors="backslashreplace")
        card = Path(folder, "model_card.md")
        card.write_text(self.as_markdown(), encoding="utf-8", errors="backslashreplace")
        labels = "".join(f"{label}\n" for label in self.description["labels"])
        Path(folder, "labels.txt").write_text(labels, encoding="utf-8", errors="surrogateescape")


def _detector(d: dict[str, Any]) -> str:
    """Return how a stream is listened to, if that was calibrated."""
    detector = d.get("detector")
    if detector is None:
        return ""
    thresholds = ", ".join(
        f"{label} {threshold:.7g}"
        for label, threshold in d["thresholds"].items()
        if label not in detector["quiet_labels"]
    )
    return (
        f"- In a stream, for {detector['false_accepts_per_hour']:g} false accepts per hour: "
        f"windows of {detector['window_s']:g} s every {detector['hop_s']:g} s "
        f"({detector['method']}), averages of {detector['smoothing']}, {detector['min_gap_s']:g} s "
        f"between two events of a label. Thresholds of the averages: {thresholds}.\n"
    )


def _microcontroller(device: dict[str, Any] | None) -> str:
    """Return what is to be said of a file for a microcontroller, if there is one."""
    if device is None:
        return ""
    how = "measured by TensorFlow Lite Micro" if device["is_arena_measured"] else "estimated"
    return (
        f"\n## model-micro.tflite\n\n"
        f"It takes {device['frames_per_call']} frames of features at a time, as int8 with the "
        "scales of model-micro.h, and keeps the past in variables. The first "
        f"{device['warm_up_calls']} outputs after a reset mean nothing. Its milliseconds are those "
        "of a call; its row compares it with the same network in floats in the same stream.\n\n"
        f"- Outputs: {', '.join(device['labels'])}.\n"
        f"- Tensor arena: {device['arena_bytes']:,} bytes, {how}.\n"
        f"- Operators ({device['profile']}): {', '.join(device['operators'])}.\n"
    )


def _percent(fraction: float | None) -> str:
    return "not known" if fraction is None else f"{fraction:.2%}"
