"""Pictures of data and results, with matplotlib."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from open_seq2seq.reports.shown_data import ShownClip, Survey

_STEPS_PER_ROW = 4
_DPI = 110
_CAPTION_WIDTH = 48  # characters


def draw_clip(clip: ShownClip, sample_rate: int, hop_length: int) -> Figure:
    """Draw a clip's waveform and log-mel image, as it is and with each effect, side by side.

    Args:
        clip: with its steps.
        sample_rate: in Hz.
        hop_length: samples from one frame to the next.
    """
    n_rows = -(-len(clip.steps) // _STEPS_PER_ROW)
    n_columns = min(len(clip.steps), _STEPS_PER_ROW)
    figure = _figure(4.2 * n_columns, 3.6 * n_rows)
    axes = figure.subplots(
        2 * n_rows, n_columns, squeeze=False, gridspec_kw={"height_ratios": [1, 2] * n_rows}
    )
    for each in axes.flat:
        each.set_axis_off()
    images = np.concatenate([step.image.ravel() for step in clip.steps])
    low, high = float(images.min()), float(images.max())
    for index, step in enumerate(clip.steps):
        row, column = divmod(index, _STEPS_PER_ROW)
        wave, image = axes[2 * row, column], axes[2 * row + 1, column]
        wave.set_axis_on()
        image.set_axis_on()
        times = np.arange(len(step.samples)) / sample_rate
        wave.plot(times, step.samples, linewidth=0.5, color="#2f6feb")
        wave.set_xlim(0, len(step.samples) / sample_rate)
        wave.margins(y=0.1)
        caption = textwrap.fill(_shown(step.caption), _CAPTION_WIDTH)
        wave.set_title(f"{step.name}\n{caption}", fontsize=9)
        wave.tick_params(labelsize=7)
        frames, bands = step.image.shape
        extent = (0.0, frames * hop_length / sample_rate, 0.0, float(bands))
        image.imshow(
            step.image.T,
            origin="lower",
            aspect="auto",
            extent=extent,
            vmin=low,
            vmax=high,
            cmap="magma",
        )
        image.set_xlabel("s", fontsize=7)
        image.set_ylabel("feature", fontsize=7)
        image.tick_params(labelsize=7)
    # of the path what tells clips apart; folders above are of one machine
    name = "/".join(Path(clip.path).parts[-2:])
    figure.suptitle(_shown(f"{clip.label}: {name}"), fontsize=10)
    return figure


def draw_counts(survey: Survey) -> Figure:
    """Draw the clips of each label before and after balancing."""
    splits = list(survey.n_rows)
    width = max(6.0, 0.3 * len(survey.labels) + 2)
    figure = _figure(width, 2.6 * len(splits))
    axes = figure.subplots(len(splits), 1, squeeze=False)[:, 0]
    places = np.arange(len(survey.labels))
    for each, split in zip(axes, splits, strict=True):
        each.bar(places - 0.2, survey.n_clips[split], 0.4, label="clips", color="#8fb3f5")
        each.bar(
            places + 0.2, survey.n_rows[split], 0.4, label="rows of the manifest", color="#2f6feb"
        )
        each.set_xticks(places, [_shown(label) for label in survey.labels], rotation=60, ha="right")
        each.set_title(split, fontsize=10)
        each.tick_params(labelsize=8)
    axes[0].legend(fontsize=8)
    return figure


def draw_histograms(survey: Survey) -> Figure:
    """Draw lengths, levels, noise and clipping of each split."""
    figure = _figure(10, 6)
    axes: Any = figure.subplots(2, 2, squeeze=False).flat
    for each, histogram in zip(axes, survey.histograms, strict=False):
        for split, counts in histogram.counts.items():
            total = max(1, sum(counts))
            each.stairs([100 * n / total for n in counts], histogram.edges, label=split)
        each.set_xlabel(histogram.title, fontsize=9)
        each.set_ylabel("clips, %", fontsize=9)
        each.tick_params(labelsize=8)
        each.legend(fontsize=8)
    return figure


def draw_confusion(counts: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw a confusion matrix.

    Args:
        counts: int [label, prediction].
        labels: names of both.
    """
    side = max(4.0, 0.35 * len(labels) + 2)
    figure = _figure(side, side)
    axes = figure.add_subplot()
    fractions = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    names = [_shown(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), names, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("said")
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if fractions[row, column] > 0.6 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, format="png", dpi=_DPI)


def pixels_of(figure: Figure) -> np.ndarray:
    """Return a figure as uint8 [height, width, 3]."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _shown(text: str) -> str:
    """Return a text as matplotlib draws it.

    What stands between dollars is no formula, and letters that its font lacks are escaped.
    """
    letters = _letters()
    known = (each if ord(each) in letters or each == "\n" else ascii(each)[1:-1] for each in text)
    return "".join(known).replace("$", r"\$")


@functools.cache
def _letters() -> frozenset[int]:
    """Return the letters of matplotlib's font."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
