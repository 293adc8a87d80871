"""What a run measures: metrics.jsonl, and summaries for TensorBoard."""

from __future__ import annotations

import json
import logging
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from open_seq2seq.errors import counted, named
from open_seq2seq.lazy import tf
from open_seq2seq.storage.run_files import RunFiles

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation  # needs pandas, which takes half a second

_FILE = "metrics.jsonl"
_SHOWN = 3  # labels in the terminal

logger = logging.getLogger(__name__)


class Metrics:
    """Writes the chief's metrics; without files it only logs them."""

    def __init__(self, files: RunFiles | None) -> None:
        self._files = files
        self._writers: dict[str, Any] = {}

    def record_evaluation(
        self,
        evaluation: Evaluation,
        *,
        mode: str,
        split: str,
        step: int,
        epoch: float,
        version: str,
    ) -> None:
        """Log an evaluation and append it to metrics.jsonl, as one line, and to TensorBoard."""
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
            "mode": mode,
            "step": step,
            "epoch": round(epoch, 4),
            "dataset_version": version,
            "split": split,
            **evaluation._asdict(),
            "detection": detection and detection._asdict(),
            "top1_interval": evaluation.top1_interval,
        }
        if not math.isfinite(evaluation.loss):  # JSON has no NaN and no infinity
            line["loss"] = None
        self._files.append(_FILE, json.dumps(line), to_disk=True)
        scalars = {name: getattr(evaluation, name) for name in ("loss", "top1", "top5")}
        if detection is not None:
            scalars["detected_recall"] = detection.recall
        self.summarize(split, step, scalars)

    def summarize(
        self,
        section: str,
        step: int,
        scalars: dict[str, float],
        histograms: dict[str, Any] | None = None,
    ) -> None:
        """Write values for TensorBoard under ``section`` (train, val or test)."""
        if self._files is None:
            return
        name = f"tensorboard/{section}"
        with self._files.tolerating(name):
            self._files.check()  # TensorFlow would make the logdir anew, for its own files
            if section not in self._writers:
                folder = os.fsencode(self._files.logdir / name)  # a name can have any bytes
                self._writers[section] = tf.summary.create_file_writer(folder)
            # NumPy's numbers: of Python's, TensorFlow keeps a copy of each one it has ever seen
            with self._writers[section].as_default(step=np.int64(step)):
                for key, value in scalars.items():
                    tf.summary.scalar(key, np.float32(value))
                for key, values in (histograms or {}).items():
                    tf.summary.histogram(key, values)
            self._writers[section].flush()

    def close(self) -> None:
        """Close the files of TensorBoard."""
        for section, writer in self._writers.items():
            assert self._files is not None
            with self._files.tolerating(f"tensorboard/{section}"):
                writer.close()
        self._writers = {}
