"""A run's data as one HTML file that needs no network, in which every shown clip can be played."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from markupsafe import Markup

from open_seq2seq.data.audio import as_int16
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.reports import rendering, sounds
from open_seq2seq.reports.charts import Axis, Series, chart
from open_seq2seq.reports.images import heat_image
from open_seq2seq.reports.odd_clips import OddClip
from open_seq2seq.reports.shown_data import Histogram, ShownClip, Survey

_MOST_ODD = 25  # of a kind that are listed
_MOST_PLAYED = 8  # of a kind that can be played


def page_of(name: str, clips: Sequence[ShownClip], survey: Survey, front_end: FrontEnd) -> str:
    """Return the page.

    Args:
        name: of the dataset.
        clips: that are shown.
        survey: of all clips.
        front_end: of the network.
    """
    pool: list[str] = []
    rate = front_end.sample_rate
    return rendering.page(
        "data.html",
        sounds=pool,
        name=name,
        clips=[_shown(clip, rate, pool) for clip in clips],
        survey=survey,
        histograms=[Markup(_chart(histogram)) for histogram in survey.histograms],
        odd=[_kind(kind, list(odd), rate, pool) for kind, odd in _by_kind(survey.odd)],
    )


def _shown(clip: ShownClip, rate: int, pool: list[str]) -> dict[str, Any]:
    images = np.concatenate([step.image.ravel() for step in clip.steps])
    limits = float(images.min()), float(images.max())
    steps = []
    for step in clip.steps:
        samples = as_int16(step.samples)
        pool.append(sounds.encoded(samples, rate))
        steps.append(
            {
                "name": step.name,
                "caption": step.caption,
                "sound": len(pool) - 1,
                "waveform": sounds.polygon(samples),
                "image": heat_image(step.image, limits),
            }
        )
    return {"label": clip.label, "word": clip.word, "path": clip.path, "steps": steps}


def _by_kind(odd: Sequence[OddClip]) -> Any:
    return groupby(sorted(odd, key=lambda each: each.kind), key=lambda each: each.kind)


def _kind(
    kind: str, odd: list[OddClip], rate: int, pool: list[str]
) -> tuple[str, list[dict[str, Any]], int]:
    listed = [
        {**each._asdict(), "sound": _sound(each, rate, pool) if index < _MOST_PLAYED else None}
        for index, each in enumerate(odd[:_MOST_ODD])
    ]
    return kind, listed, len(odd)


def _sound(clip: OddClip, rate: int, pool: list[str]) -> int | None:
    (sound,) = sounds.render(iter([(clip.path, False)]), rate, None)
    if sound is None:
        return None
    pool.append(sound.audio)
    return len(pool) - 1


def _chart(histogram: Histogram) -> str:
    series = []
    for split, counts in histogram.counts.items():
        total = max(1, sum(counts))
        points = []
        for left, right, n in zip(histogram.edges[:-1], histogram.edges[1:], counts, strict=True):
            points += [(left, 100 * n / total), (right, 100 * n / total)]
        series.append(Series(split, points))
    return chart(series, Axis(histogram.title), Axis("clips, %", low=0.0))
