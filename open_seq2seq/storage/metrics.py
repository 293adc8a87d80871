"""What a run measures: metrics.jsonl, and summaries for TensorBoard."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from open_seq2seq.errors import counted, named
from open_seq2seq.lazy import tf
from open_seq2seq.storage.run_files import RunFiles
from open_seq2seq.storage.trackers import Trackers
from open_seq2seq.system.energy import EnergyMeter

if TYPE_CHECKING:
    # needs pandas, which takes half a second
    from open_seq2seq.evaluation import Evaluation, Occasion

METRICS_FILE = "metrics.jsonl"  # evaluations
TRAINING_FILE = "training.jsonl"  # steps
_SHOWN = 3  # labels in the terminal

logger = logging.getLogger(__name__)


def step_records(text: str) -> list[dict[str, Any]]:
    """Return the records of steps of a file of JSON lines; a line that was cut short is left out.

    Numbers that JSON lacks, NaN and infinity, are None.
    """
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line, parse_constant=lambda _: None)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


class Metrics:
    """Writes the chief's metrics; without files it only logs them.

    Attributes:
        trackers: that get the scalars too; None: none.
    """

    def __init__(self, files: RunFiles | None) -> None:
        self._files = files
        self._writers: dict[str, Any] = {}
        self._meter = None if files is None else EnergyMeter()
        self._last_scalars: dict[tuple[str, int], dict[str, float]] = {}
        self.trackers: Trackers | None = None

    def record_evaluation(self, evaluation: Evaluation, occasion: Occasion) -> None:
        """Log an evaluation and append it to metrics.jsonl, as one line, and to TensorBoard."""
        split, step = occasion.split, occasion.step
        logger.info(
            f"{split}: step {step}, {counted(evaluation.n_clips, 'clip')}, "
            f"loss {evaluation.loss:.4f}, "
            f"accuracy {evaluation.top1:.2%} ({evaluation.top1_interval_text}), "
            f"top 5 {evaluation.top5:.2%}, {evaluation.seconds:.1f} s"
        )
        if evaluation.n_non_finite:
            logger.warning(
                f"{split}: the model's outputs are NaN or infinite for {evaluation.n_non_finite} "
                f"of {counted(evaluation.n_clips, 'clip')}"
            )
        worse = [
            f"{label} {recall:.2%} of {counted(n, 'clip')}"
            for label, recall, n in evaluation.worse_labels()
        ]
        if worse:
            logger.info(f"{split}: clearly worse: {named(worse, _SHOWN)}")
        detection = evaluation.detection
        if detection is not None:
            logger.info(
                f"{split}: {detection.recall:.2%} of the keywords found on {detection.hours:.2f} h "
                f"of tracks with at most {detection.false_accepts_per_hour:g} false accepts per "
                "hour"
            )
        if self._files is None:
            return
        line = {
            **occasion._asdict(),
            "epoch": round(occasion.epoch, 4),
            **evaluation._replace(clips=None)._asdict(),
            "detection": detection and detection._asdict(),
            "top1_interval": evaluation.top1_interval,
        }
        del line["clips"]
        if not math.isfinite(evaluation.loss):  # JSON has no NaN and no infinity
            line["loss"] = None
        self._files.append(METRICS_FILE, json.dumps(line), to_disk=True)
        scalars = {name: getattr(evaluation, name) for name in ("loss", "top1", "top5")}
        if detection is not None:
            scalars["detected_recall"] = detection.recall
        if self._last_scalars.get((split, step)) != scalars:  # the best one is evaluated again
            self._last_scalars[split, step] = scalars
            self.summarize(split, step, scalars)

    def accuracies_until(self, step: int) -> dict[int, float]:
        """Return the validation accuracies, by their steps, of a run that goes on at a step."""
        if self._files is None:
            return {}
        return {
            record["step"]: record["top1"]
            for record in step_records(self._files.read(METRICS_FILE))
            if record.get("split") == "val"
            and record["step"] <= step
            and isinstance(record.get("top1"), int | float)
        }

    def record_step(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        loss_scale: float,
        clips_per_s: float | None,
    ) -> None:
        """Append a training step to training.jsonl, as one line."""
        if self._files is None or self._meter is None:
            return
        energy_j = self._meter.lap()
        line = {
            "step": step,
            "loss": loss if math.isfinite(loss) else None,
            "learning_rate": learning_rate,
            "loss_scale": loss_scale,
        }
        if clips_per_s is not None:
            line["clips_per_s"] = round(clips_per_s, 1)
        if energy_j is not None:  # since the last line
            line["energy_j"] = round(energy_j, 1)
        self._files.append(TRAINING_FILE, json.dumps(line))

    def summarize(
        self,
        section: str,
        step: int,
        scalars: dict[str, float],
        histograms: dict[str, Any] | None = None,
    ) -> None:
        """Write values for TensorBoard under ``section`` (train, val or test)."""

        def write() -> None:
            # NumPy's numbers: of Python's, TensorFlow keeps a copy of each one it has ever seen
            for key, value in scalars.items():
                tf.summary.scalar(key, np.float32(value))
            for key, values in (histograms or {}).items():
                tf.summary.histogram(key, values)

        self.write_summaries(section, step, write)
        if self.trackers is not None:
            values = {f"{section}/{name}": value for name, value in scalars.items()}
            self.trackers.log(step, values)

    def write_summaries(self, section: str, step: int, write: Callable[[], Any]) -> None:
        """Call a function that writes summaries, with TensorBoard's writer of ``section``."""
        if self._files is None:
            return
        name = f"tensorboard/{section}"
        with self._files.tolerating(name):
            self._files.check()  # TensorFlow would make the logdir anew, for its own files
            if section not in self._writers:
                folder = os.fsencode(self._files.logdir / name)  # a name can have any bytes
                self._writers[section] = tf.summary.create_file_writer(folder)
            with self._writers[section].as_default(step=np.int64(step)):
                write()
            self._writers[section].flush()

    def close(self) -> None:
        """Close the files of TensorBoard, and the runs at trackers."""
        if self.trackers is not None:
            self.trackers.finish()
            self.trackers = None
        for section, writer in self._writers.items():
            assert self._files is not None
            with self._files.tolerating(f"tensorboard/{section}"):
                writer.close()
        self._writers = {}
