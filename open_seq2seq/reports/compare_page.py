"""A comparison of runs as one HTML file that needs no network."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import counted
from open_seq2seq.reports import rendering, sounds
from open_seq2seq.reports.charts import Axis, Series, chart
from open_seq2seq.reports.comparison import Comparison, Model, Pair, facts_of, interval_of
from open_seq2seq.reports.contents import thinned, validation_of
from open_seq2seq.reports.page import NAMES
from open_seq2seq.reports.significance import Difference

_CHANCE = 0.05  # a p below it is called a difference
_MOST_SOUND = 3_000_000  # bytes of addresses


def page_of(comparison: Comparison) -> str:
    """Return the comparison."""
    pool: list[str] = []
    pairs = [
        pair._replace(alone=[_with_sound(clip, pool) for clip in pair.alone])
        for pair in comparison.pairs
    ]
    return rendering.page(
        "compare.html",
        sounds=pool,
        c=comparison._replace(pairs=pairs),
        title=f"{counted(len(comparison.models), 'model')} on "
        f"{counted(len(comparison.clips), 'clip')} of the {NAMES[comparison.split]}",
        models=[_row(model) for model in comparison.models],
        verdicts=[verdict(pair) for pair in pairs],
        intervals=[interval(pair.difference) for pair in pairs],
        charts=_charts(comparison),
    )


def verdict(pair: Pair) -> str:
    """Return whether a difference means anything, in words."""
    found = pair.difference
    # the test takes clips for independent, and the interval does not: both must exclude chance
    if found.interval is None:
        return "of one speaker, which says nothing about others"
    low, high = found.interval
    if found.p_value >= _CHANCE or low <= 0 <= high:
        return "it may be chance"
    return f"{pair.second if found.value > 0 else pair.first} is better"


def interval(found: Difference) -> str:
    """Return the interval of a difference, and what was drawn for it, in words."""
    drawn = [counted(found.n_speakers, "speaker")] if found.n_speakers else []
    if found.n_without:
        drawn.append(f"{counted(found.n_without, 'clip')} of no known speaker")
    ends = "not known"
    if found.interval is not None:
        low, high = found.interval
        ends = f"{100 * low:+.2f} to {100 * high:+.2f}"
    return f"{ends} ({' and '.join(drawn)})"


def _row(model: Model) -> dict[str, Any]:
    low, high = interval_of(model)
    return {
        "name": model.name,
        "n_runs": len(model.runs),
        "runs": list(zip(model.run_names, model.run_accuracies, strict=True)),
        "accuracy": {"value": model.accuracy, "low": low, "high": high},
        **facts_of(model),
    }


def _with_sound(clip: dict[str, Any], pool: list[str]) -> dict[str, Any]:
    if sum(map(len, pool)) > _MOST_SOUND:
        return {**clip, "sound": None, "silent": sounds.FULL}
    (sound,) = sounds.render(iter([(clip["path"], False)]), FrontEnd().sample_rate, None)
    if sound is None:
        return {**clip, "sound": None, "silent": sounds.GONE}
    pool.append(sound.audio)
    return {**clip, "sound": len(pool) - 1}


def _charts(comparison: Comparison) -> dict[str, Markup]:
    step = Axis("training step")
    lines = [
        line
        for model in comparison.models
        for line in zip(model.run_names, model.runs, strict=True)
    ]
    accuracy = [
        Series(
            name,
            [(e["step"], 100 * e["top1"]) for e in validation_of(run) if e["top1"] is not None],
        )
        for name, run in lines
    ]
    loss = [
        Series(
            name,
            [(e["step"], e["loss"]) for e in thinned(run.training) if e["loss"] is not None],
        )
        for name, run in lines
    ]
    return {
        "accuracy": Markup(chart(accuracy, step, Axis("validation accuracy, %"))),
        "loss": Markup(chart(loss, step, Axis("training loss"))),
    }
