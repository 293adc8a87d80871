"""A measurement as the terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from open_seq2seq.detection.counts import ALL, Counts
from open_seq2seq.detection.heard import Heard
from open_seq2seq.detection.intervals import evidence
from open_seq2seq.detection.measuring import JudgedEvent, Measurement

_HEAD = (
    "label",
    "said",
    "found",
    "recall",
    "95% interval",
    "false accepts",
    "repeats",
    "per hour",
    "95% interval",
    "latency, median",
    "95%",
)


def lines_of(measurement: Measurement, heard: Heard, wanted: float) -> Iterator[str]:
    """Yield the tables of all corpora, the highest false accepts, and what the hours show.

    Args:
        measurement: what is shown.
        heard: that it was made of.
        wanted: false accepts per hour.
    """
    for corpus in heard.corpora:
        counts = measurement.corpora[corpus.name]
        n_tracks = len(corpus.tracks)
        recordings = "1 recording" if n_tracks == 1 else f"{n_tracks:,} recordings"
        yield ""
        yield f"{corpus.name}: {recordings}, {corpus.hours:.3g} h, {_said(counts[ALL].said)}"
        yield from table(list(counts.values()))
        if false := measurement.highest_false_accepts(corpus.name):
            yield f"{corpus.name}: its highest false accepts, to listen to:"
            yield from (f"  {_event(each)}" for each in false)
    if len(heard.corpora) > 1:
        yield ""
        yield f"all corpora: {heard.hours:.3g} h, {_said(measurement.all.said)}"
        yield from table(list(measurement.together.values()))
    yield ""
    if heard.hours:
        yield evidence(measurement.all.false_accepts, heard.hours, wanted)
    else:
        yield "there is no sound in these recordings"


def table(counts: Sequence[Counts]) -> Iterator[str]:
    """Yield the lines of a table with a row for each of the counts."""
    rows = [_HEAD, *(_row(each) for each in counts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        cells = [f"{row[0]:{widths[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _row(counts: Counts) -> tuple[str, ...]:
    recall = recall_interval = per_hour = rate_interval = ""
    if counts.recall is not None and counts.recall_interval is not None:
        low, high = counts.recall_interval
        recall, recall_interval = f"{counts.recall:.1%}", f"{low:.1%} to {high:.1%}"
    if counts.per_hour is not None and counts.per_hour_interval is not None:
        low, high = counts.per_hour_interval
        per_hour, rate_interval = f"{counts.per_hour:.2f}", f"{low:.2f} to {high:.2f}"
    latency = [counts.latency_s(percentile) for percentile in (50, 95)]
    return (
        counts.name,
        f"{counts.said:,}",
        f"{counts.found:,}" if counts.said else "",
        recall,
        recall_interval,
        f"{counts.false_accepts:,}",
        f"{counts.repeats:,}",
        per_hour,
        rate_interval,
        *("" if seconds is None else f"{seconds:.2f} s" for seconds in latency),
    )


def _said(n: int) -> str:
    if n == 0:
        return "nothing in it is a keyword"
    return "1 keyword is said" if n == 1 else f"{n:,} keywords are said"


def _event(each: JudgedEvent) -> str:
    start, end, score = each.event.start, each.event.end, each.event.score
    repeat = " (repeat)" if each.result == "repeat" else ""
    return f"{each.path} {start:.2f} to {end:.2f} s: {each.event.label} ({score:.6f}){repeat}"
