"""The handler of all that a run logs: terminal, progress bar and run.log."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from open_seq2seq.errors import UserError
from open_seq2seq.storage.display import BarDisplay, TrainingDisplay
from open_seq2seq.storage.metrics import Metrics
from open_seq2seq.storage.run_files import RunFiles
from open_seq2seq.system import terminal

if TYPE_CHECKING:
    from open_seq2seq.evaluation import Evaluation, Occasion  # needs pandas, half a second

_LOG_FILE = "run.log"
_MOST_WAITING = 10_000  # lines

logger = logging.getLogger(__name__)


class Reporter(logging.Handler):
    """Writes the chief's log records; the other ranks are silent.

    Records of level INFO and above go to the terminal and to run.log, those below to run.log only.
    Until `open` names a logdir nothing is written: lines for run.log wait.

    Attributes:
        is_chief: whether this process prints and writes.
        metrics: writer of metrics.jsonl and TensorBoard.
    """

    def __init__(self, *, is_chief: bool) -> None:
        super().__init__()
        self.is_chief = is_chief
        self.metrics = Metrics(None)
        self._console = terminal.console()
        self._files: RunFiles | None = None
        # of a run that has no logdir yet; modes without one may print for days
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)
        self._display: BarDisplay | TrainingDisplay | None = None

    def open(self, logdir: Path, *, only_if_writable: bool = False) -> None:
        """Make ``logdir`` and write into it from now on.

        Args:
            logdir: of the run.
            only_if_writable: whether to do without files, with a warning, where it cannot be
                written.

        Raises:
            UserError: it cannot be written.
        """
        if not self.is_chief:
            return
        try:
            self._files = RunFiles(logdir)
        except UserError:
            if not only_if_writable:
                raise
            logger.warning(f"{logdir} cannot be written: what follows is printed, not recorded")
            return
        self.metrics = Metrics(self._files)
        for line in self._waiting:
            self._files.append(_LOG_FILE, line)
        self._waiting.clear()

    @property
    def files(self) -> RunFiles | None:
        """The files of the open logdir; None before it is open, or where it cannot be written."""
        return self._files

    def check_logdir(self) -> None:
        """Make sure that the logdir is still the folder that was opened.

        Raises:
            UserError: it is not.
        """
        if self._files is not None:
            self._files.check()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if not self.is_chief:
            return
        line = record.getMessage()
        if record.levelno >= logging.INFO:
            self._print(line)
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}"
        if self._files is None:
            self._waiting.append(stamped)
        else:
            self._files.append(_LOG_FILE, stamped)

    @property
    def shows_bar(self) -> bool:
        """Whether somebody is looking at a terminal."""
        return self.is_chief and self._console.is_terminal

    def start_bar(self, total: int, done: int = 0, unit: str = "step") -> None:
        """Show a progress bar of so many units, on a terminal."""
        if self.shows_bar:
            self._show(BarDisplay(self._console, total, done, unit))

    def start_training(self, total: int, done: int) -> None:
        """Show the display of a training run of so many steps, on a terminal."""
        if self.shows_bar:
            before = self.metrics.accuracies_until(done)
            self._show(TrainingDisplay(self._console, total, done, before))

    def _show(self, display: BarDisplay | TrainingDisplay) -> None:
        self._display = display
        display.start()

    def move_bar(self, done: int, description: str | None = None) -> None:
        """Bring the bar to so many units."""
        if self._display is not None:
            self._display.move(done, description)

    def record_evaluation(self, evaluation: Evaluation, occasion: Occasion) -> None:
        """Log an evaluation, record and show it."""
        self.metrics.record_evaluation(evaluation, occasion)
        if isinstance(self._display, TrainingDisplay) and occasion.split == "val":
            self._display.add_accuracy(occasion.step, evaluation.top1)

    def close(self) -> None:
        """Take the bar away and close the files; `open` may be called again."""
        if self._display is not None:
            self._display.stop()
            self._display = None
        self.metrics.close()
        self.metrics = Metrics(None)
        self._files = None

    def _print(self, line: str) -> None:
        try:
            self._console.print(line, soft_wrap=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            terminal.give_up(sys.stdout)
            logger.debug("the terminal or its file takes no more lines (%s)", error.strerror)
