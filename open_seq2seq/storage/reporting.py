"""What a run prints and writes: terminal, log file, metrics.jsonl, TensorBoard."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation
from open_seq2seq.lazy import tf
from open_seq2seq.system import terminal
from open_seq2seq.system.files import append_line

_LOG_FILE = "run.log"
_METRICS_FILE = "metrics.jsonl"


class Reporter:
    """The chief's voice; other workers are silent.

    Until `open` names a logdir, nothing is written: lines for the log wait. A line that cannot be
        written is lost, not
    the run: each place that takes none is named once.

    Attributes:
        is_chief: whether this process speaks.
    """

    def __init__(self, *, is_chief: bool) -> None:
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.is_chief = is_chief
        self._logdir: Path | None = None
        self._identity: tuple[int, int] | None = None
        self._waiting: list[str] = []
        self._lost: set[str] = set()
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
            self._identity = _identity(logdir)
            (logdir / _LOG_FILE).open("a").close()
        except OSError as error:
            raise UserError(
                f"logdir: cannot write to {logdir} ({error.strerror}); name another with --logdir=DIR"
            ) from None
        self._logdir = logdir
        for line in self._waiting:
            self._append(_LOG_FILE, line)
        self._waiting = []

    def check_logdir(self) -> None:
        """Make sure that the logdir is still the folder that `open` has found or made.

        Raises:
            UserError: it was deleted, moved, or another one has taken its place.
        """
        if self._logdir is not None and _identity(self._logdir) != self._identity:
            raise UserError(
                f"logdir: {self._logdir} was deleted or moved while the run was going on; nothing more can be saved, "
                "and what was saved is where it has gone"
            )

    @property
    def shows_bar(self) -> bool:
        """Whether somebody is looking at a terminal."""
        return self.is_chief and self._console.is_terminal

    def say(self, line: str) -> None:
        """Print a line, and add it to the log."""
        if self.is_chief:
            self._print(line)
            self.log(line)

    def log(self, line: str) -> None:
        """Add a line to the log only."""
        if not self.is_chief:
            return
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}"
        if self._logdir is None:
            self._waiting.append(stamped)
        else:
            self._append(_LOG_FILE, stamped)

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
        self,
        section: str,
        step: int,
        scalars: dict[str, float],
        histograms: dict[str, Any] | None = None,
    ) -> None:
        """Write values for TensorBoard under ``section`` (train, val or test)."""
        if self._logdir is None:
            return
        with self._going_on_without(f"tensorboard/{section}"):
            self.check_logdir()  # TensorFlow would make it anew, for its own files
            if section not in self._writers:
                self._writers[section] = tf.summary.create_file_writer(
                    str(self._logdir / "tensorboard" / section)
                )
            # NumPy's numbers: of Python's, TensorFlow keeps a copy of each one it has ever seen
            with self._writers[section].as_default(step=np.int64(step)):
                for name, value in scalars.items():
                    tf.summary.scalar(name, np.float32(value))
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
        self._append(_METRICS_FILE, json.dumps(line | {"loss": _number(found.loss)}), to_disk=True)
        self.summarize(split, step, {"loss": found.loss, "top1": found.top1, "top5": found.top5})

    def close(self) -> None:
        """Take the bar away and close the files."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        for section, writer in self._writers.items():
            with self._going_on_without(f"tensorboard/{section}"):
                writer.close()
        self._writers = {}
        self._logdir = None

    def _print(self, line: str) -> None:
        try:
            self._console.print(line, markup=False)
        except BrokenPipeError:
            raise
        except OSError as error:
            terminal.give_up(sys.stdout)
            self.log(f"the terminal or its file takes no more lines ({error.strerror})")

    def _append(self, name: str, line: str, *, to_disk: bool = False) -> None:
        assert self._logdir is not None
        with self._going_on_without(name):
            append_line(self._logdir / name, line, to_disk=to_disk)

    @contextlib.contextmanager
    def _going_on_without(self, name: str) -> Iterator[None]:
        """Do without what cannot be written into the logdir, and say so once."""
        try:
            yield
        except (OSError, tf.errors.OpError, UserError) as error:
            if name not in self._lost:
                self._lost.add(name)
                reason = (
                    getattr(error, "strerror", None) or str(error).split("}} ")[-1].splitlines()[0]
                )
                self._print(
                    f"{self._logdir}/{name}: cannot be written ({reason}); the run goes on without these lines"
                )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another one of its name, None where there is none."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None
