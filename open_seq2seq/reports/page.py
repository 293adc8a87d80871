"""A report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.reports import rendering, sounds
from open_seq2seq.reports.charts import Axis, Series, chart
from open_seq2seq.reports.recorded import Recorded

NAMES = {"test": "test split", "val": "validation split"}
_MOST_SOUND = 3_000_000  # bytes of addresses in a page, pictures too
_MOST_LISTED = 2000  # clips of a split


def page_of(contents: Mapping[str, Any], recorded: Recorded) -> str:
    """Return the report.

    Args:
        contents: of `contents.contents_of`.
        recorded: what the run has recorded, for its clips.
    """
    front_end = _front_end(contents)
    budget = _MOST_SOUND // max(1, len(recorded.evaluations))
    pool: list[str] = []
    listed = {
        split: list(_clips(each.clips, front_end, budget, pool))
        for split, each in recorded.evaluations.items()
    }
    cells = {
        split: _cells(clips, recorded.evaluations[split].record.labels)
        for split, clips in listed.items()
    }
    n_pictured = sounds.PICTURED
    return rendering.page(
        "report.html",
        sounds=pool,
        c=contents,
        names=NAMES,
        charts=_charts(contents),
        pictured={
            split: [clip for clip in clips[:n_pictured] if clip["label"] != clip["prediction"]]
            for split, clips in listed.items()
        },
        corpora=_corpora(contents["detection"]),
        cells=rendering.script(cells),
    )


def text_of(contents: Mapping[str, Any]) -> str:
    """Return the report as Markdown, without sound and pictures.

    Args:
        contents: of `contents.contents_of`.
    """
    corpora = _corpora(contents["detection"])
    return rendering.markdown("report.md", c=contents, names=NAMES, corpora=corpora)


def _clips(
    table: pd.DataFrame, front_end: FrontEnd | None, budget: int, pool: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the clips of a split that are listed; their sound goes into ``pool``."""
    chosen = sounds.choose(table)[:_MOST_LISTED]
    rows = table.iloc[chosen].to_dict("records")
    rate = front_end.sample_rate if front_end is not None else FrontEnd().sample_rate
    paths = (
        (str(row["path"]), place < sounds.PICTURED and row["label"] != row["prediction"])
        for place, row in enumerate(rows)
    )
    rendered = sounds.render(paths, rate, front_end)
    for row in rows:
        clip = {
            name: row[name]
            for name in ("label", "prediction", "probability", "word", "speaker", "path")
        }
        sound = next(rendered) if budget > 0 else None
        if sound is None:
            silent = sounds.GONE if budget > 0 else sounds.FULL
            yield {**clip, "sound": None, "silent": silent, "waveform": "", "log_mel": ""}
            continue
        pool.append(sound.audio)
        budget -= sum(map(len, sound))
        yield {
            **clip,
            "sound": len(pool) - 1,
            "waveform": sound.waveform,
            "log_mel": sound.log_mel,
        }


def _cells(clips: list[dict[str, Any]], labels: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the clips of each cell of the confusion matrix, as the page's script wants them."""
    cells: dict[str, list[dict[str, Any]]] = {}
    for clip in sorted(clips, key=lambda clip: -clip["probability"]):
        cell = f"{labels.index(clip['label'])},{labels.index(clip['prediction'])}"
        kept = {name: clip[name] for name in ("probability", "speaker", "path", "sound")}
        cells.setdefault(cell, []).append(kept)
    return cells


def _front_end(contents: Mapping[str, Any]) -> FrontEnd | None:
    values = (contents["model"] or {}).get("front_end")
    return FrontEnd(**values) if values is not None else None


def _charts(contents: Mapping[str, Any]) -> dict[str, Markup]:
    training, validation = contents["training"], contents["validation"]
    step = Axis("training step")
    charts = {
        "loss": chart(
            [
                Series("training loss", _points(training, "loss")),
                Series("validation loss", _points(validation, "loss")),
            ],
            step,
            Axis("loss"),
        ),
        "accuracy": chart(
            [
                Series(
                    "validation accuracy",
                    [(x, 100 * y) for x, y in _points(validation, "top1")],
                )
            ],
            step,
            Axis("accuracy, %"),
        ),
        "rate": chart(
            [Series("learning rate", _points(training, "learning_rate"))],
            step,
            Axis("learning rate", low=0.0),
        ),
        "det": _det_chart(contents),
    }
    for split, each in contents["splits"].items():
        bins = each["reliability"]["bins"]
        points = [(100 * b["probability"], 100 * b["accuracy"]) for b in bins]
        charts[split] = chart(
            [
                Series("clips of one bin", points),
                Series("right as often as it says", [(0, 0), (100, 100)], "faint"),
            ],
            Axis("probability of the prediction, %", 0, 100),
            Axis("accuracy, %", 0, 100),
        )
    return {name: Markup(svg) for name, svg in charts.items()}


def _det_chart(contents: Mapping[str, Any]) -> str:
    curves = [
        [
            (point["false_accepts_per_hour"], 100 * point["miss_rate"])
            for point in curve["points"]
            if point["miss_rate"] is not None and point["false_accepts_per_hour"] is not None
        ]
        for curve in contents["det_curves"]
    ]
    # an axis of logarithms has no 0, which is what one is after: it stands left of all others
    least = min((x for curve in curves for x, _ in curve if x > 0), default=1.0) / 2
    has_none = any(x == 0 for curve in curves for x, _ in curve)
    series = [
        Series("misses against false accepts", [(x or least, y) for x, y in curve])
        for curve in curves
    ]
    title = "false accepts per hour" + (", at the left edge none" if has_none else "")
    return chart(series, Axis(title, is_log=True), Axis("words missed, %", 0, 100))


def _points(lines: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(line["step"], line[name]) for line in lines if line.get(name) is not None]


def _corpora(detection: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    if detection is None:
        return []
    rows = [(name, corpus["all"]) for name, corpus in detection.get("corpora", {}).items()]
    return rows if len(rows) == 1 else [*rows, ("all", detection["all"])]
