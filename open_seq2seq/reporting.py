"""What a run prints and writes: terminal, log file, metrics.jsonl, TensorBoard."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation
from open_seq2seq.lazy import tf

_LOG_FILE = "run.log"
_METRICS_FILE = "metrics.jsonl"


class Reporter:
    """The chief's voice; other workers are silent.

    Until `open` names a logdir, nothing is written: lines for the log wait.

    Attributes:
        is_chief: whether this process speaks.
    """

    def __init__(self, *, is_chief: bool) -> None:
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.is_chief = is_chief
        self._logdir: Path | None = None
        self._log: TextIO | None = None
        self._waiting: list[str] = []
        self._progress: Progress | None = None
        self._task: Any = None
        self._writers: dict[str, Any] = {}

    def open(self, logdir: Path) -> None:
        """Make ``logdir`` and write into it from now on.

        Raises:
            UserError: it cannot be written.
        """
        if not self.is_chief:
            return
        try:
            logdir.mkdir(parents=True, exist_ok=True)
            self._log = (logdir / _LOG_FILE).open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"logdir: cannot write to {logdir} ({error.strerror}); name another with --logdir=DIR"
            ) from None
        self._logdir = logdir
        self._log.writelines(self._waiting)
        self._waiting = []

    @property
    def shows_bar(self) -> bool:
        """Whether somebody is looking at a terminal."""
        return self.is_chief and self._console.is_terminal

    def say(self, line: str) -> None:
        """Print a line, and add it to the log."""
        if self.is_chief:
            self._console.print(line, markup=False)
            self.log(line)

    def log(self, line: str) -> None:
        """Add a line to the log only."""
        if not self.is_chief:
            return
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n"
        if self._log is None:
            self._waiting.append(stamped)
        else:
            self._log.write(stamped)
            self._log.flush()

    def start_bar(self, total_steps: int, step: int) -> None:
        """Show a progress bar, on a terminal."""
        if not self.shows_bar:
            return
        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._progress.start()
        self._task = self._progress.add_task("", total=total_steps, completed=step)

    def move_bar(self, step: int, description: str | None = None) -> None:
        """Bring the bar to ``step``."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step, description=description)

    def summarize(
        self, section: str, step: int, scalars: dict[str, float], histograms: dict[str, Any] | None = None
    ) -> None:
        """Write values for TensorBoard under ``section`` (train, val or test)."""
        if self._logdir is None:
            return
        if section not in self._writers:
            self._writers[section] = tf.summary.create_file_writer(str(self._logdir / "tensorboard" / section))
        with self._writers[section].as_default(step=step):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
            for name, values in (histograms or {}).items():
                tf.summary.histogram(name, values)
        self._writers[section].flush()

    def record_evaluation(
        self, found: Evaluation, *, mode: str, split: str, step: int, epoch: float, version: str
    ) -> None:
        """Print an evaluation and append it to metrics.jsonl, as one line, and to TensorBoard."""
        if not self.is_chief:
            return
        self.say(
            f"{split}: step {step}, {found.n_clips} clips, loss {found.loss:.4f}, "
            f"accuracy {found.top1:.2%}, top 5 {found.top5:.2%}, {found.seconds:.1f} s"
        )
        if self._logdir is None:
            return
        line = {
            "mode": mode,
            "step": step,
            "epoch": round(epoch, 4),
            "dataset_version": version,
            "split": split,
            **found._asdict(),
        }
        append_line(self._logdir / _METRICS_FILE, json.dumps(line | {"loss": _number(found.loss)}))
        self.summarize(split, step, {"loss": found.loss, "top1": found.top1, "top5": found.top5})

    def close(self) -> None:
        """Take the bar away and close the files."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
        if self._log is not None:
            self._log.close()
            self._log = None
        self._logdir = None


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def append_line(path: Path, line: str) -> None:
    """Append one whole line in one write, after mending a line that a crash cut short."""
    data = (line + "\n").encode()
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                data = b"\n" + data
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
