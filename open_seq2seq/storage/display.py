"""The live display of a training run on a terminal: progress, the last step, the evaluations."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

_WIDE = 80  # characters of a terminal that has room for the bar and the times
_SHOWN = 5  # last evaluations, in numbers
_CURVE = 40  # last evaluations, as a curve
_HEIGHTS = "▁▂▃▄▅▆▇█"
_PER_SECOND = 4


class BarDisplay:
    """A bar of so many units, with a few words."""

    def __init__(self, console: Console, total: int, done: int, unit: str) -> None:
        self._progress = Progress(*_columns(console, unit), console=console)
        self._task = self._progress.add_task("", total=total, completed=done)

    def start(self) -> None:
        self._progress.start()

    def move(self, done: int, description: str | None = None) -> None:
        """Bring the bar to so many units."""
        self._progress.update(self._task, completed=done, description=description)

    def stop(self) -> None:
        self._progress.stop()


class TrainingDisplay:
    """A bar of the steps, the values of the last one, and the evaluations so far as a curve."""

    def __init__(
        self, console: Console, total: int, done: int, accuracies: Mapping[int, float]
    ) -> None:
        """Make the display; the accuracies are those of the steps that are done."""
        self._console = console
        self._progress = Progress(*_columns(console, "step"), console=console)
        self._task = self._progress.add_task("", total=total, completed=done)
        self._values, self._accuracies = "", dict(accuracies)
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=_PER_SECOND
        )

    def start(self) -> None:
        self._live.start()

    def move(self, done: int, description: str | None = None) -> None:
        """Bring the bar to a step, whose values are the description."""
        self._progress.update(self._task, completed=done)
        if description is not None:
            self._values = description

    def add_accuracy(self, step: int, accuracy: float) -> None:
        """Add the validation accuracy, from 0 to 1, of a step; it may be evaluated again."""
        self._accuracies[step] = accuracy

    def stop(self) -> None:
        self._live.stop()

    def _render(self) -> Group:
        accuracies = [each for _, each in sorted(self._accuracies.items())]
        lines = [self._values, accuracies_line(accuracies, self._console.encoding)]
        shown = [Text(line, no_wrap=True, overflow="crop") for line in lines if line]
        return Group(self._progress, *shown)


def accuracies_line(accuracies: list[float], encoding: str) -> str:
    """Return the last accuracies in numbers, the best one, and all as a curve; "" of none.

    Args:
        accuracies: from 0 to 1, the last one last.
        encoding: of the terminal; one without the characters of the curve gets none.
    """
    if not accuracies:
        return ""
    last = " ".join(f"{100 * value:.1f}" for value in accuracies[-_SHOWN:])
    line = f"validation accuracy {last} %, best {max(accuracies):.2%}"
    curve = _curve(accuracies[-_CURVE:])
    try:
        curve.encode(encoding)
    except UnicodeEncodeError:
        return line
    return f"{line} {curve}"


def _curve(values: list[float]) -> str:
    low, high = min(values), max(values)
    if len(values) < 2 or high == low:
        return ""
    return "".join(_HEIGHTS[round((len(_HEIGHTS) - 1) * (v - low) / (high - low))] for v in values)


def _columns(console: Console, unit: str) -> list[ProgressColumn]:
    if console.width < _WIDE:
        # cut without rich's ellipsis, which not every terminal has
        cut = Column(no_wrap=True, overflow="crop")
        text = f"{unit} {{task.completed:.0f}}/{{task.total:.0f}} {{task.description}}"
        return [TextColumn(text, table_column=cut)]
    return [
        TextColumn(unit),
        MofNCompleteColumn(),
        BarColumn(bar_width=None),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
