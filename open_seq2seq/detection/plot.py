"""DET curves as a picture, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from open_seq2seq.detection.counts import Counts
from open_seq2seq.detection.curves import Curve
from open_seq2seq.system.paths import NAME_ERRORS

_MOST_LABELS = 10  # more curves could not be told apart


def plot_curves(path: Path, curves: Sequence[Curve], operating: Counts) -> None:
    """Draw miss rate against false accepts per hour.

    Args:
        path: of the PNG.
        curves: of all labels together, then of each.
        operating: what the settings in use give.
    """
    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    drawn = [curve for curve in curves if curve.points and curve.points[0].said]
    for index, curve in enumerate(drawn[: _MOST_LABELS + 1]):
        rates = [counts.false_accepts / counts.hours for counts in curve.points]
        misses = [100 * counts.misses / counts.said for counts in curve.points]
        style: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.8}
        if index == 0:
            style = {"linewidth": 2.5, "color": "black", "zorder": 5}
        axes.plot(rates, misses, drawstyle="steps-post", label=_shown(curve.name), **style)
    if operating.said and operating.per_hour is not None:
        missed = 100 * operating.misses / operating.said
        axes.plot([operating.per_hour], [missed], "o", color="crimson", zorder=6, label="in use")
    # 0 has a place: linear up to one false accept in all the hours, logarithmic from there on
    one = 1.0 / operating.hours if operating.hours else 1.0
    axes.set_xscale("symlog", linthresh=one)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.axvspan(0, one, color="0.93", zorder=0)
    axes.set_xlabel(
        f"false accepts per hour, of {operating.hours:.3g} h (grey: fewer than one was counted)"
    )
    axes.set_ylabel("words missed, %")
    axes.grid(True, which="both", alpha=0.3)
    if drawn:
        axes.set_title("Misses against false accepts, at one threshold for all and for each label")
        axes.legend(fontsize="small")
    else:
        axes.set_title("No keyword is said in these recordings: misses are not known")
    figure.savefig(path, format="png")


def _shown(label: str) -> str:
    """Return a label as matplotlib draws it.

    It takes what stands between dollars for a formula, and leaves out what begins with "_".
    """
    text = label.encode("utf-8", NAME_ERRORS).decode("utf-8", "replace").replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
