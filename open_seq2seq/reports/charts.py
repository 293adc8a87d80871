"""Line charts as SVG, whose colours are those of the page around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 44
_MOST_TICKS = 6
_LARGEST = 1e300  # values that are drawn, whose differences are finite
_MOST_DOTS = 30


class Series(NamedTuple):
    """A line of a chart; of a few points each has a dot."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str = ""  # further class of the SVG element


class Axis(NamedTuple):
    """One axis of a chart; without limits it holds all points."""

    title: str
    low: float | None = None
    high: float | None = None
    is_log: bool = False


def chart(series: Sequence[Series], x: Axis, y: Axis) -> str:
    """Return a chart as SVG; "" where there is nothing to draw.

    Args:
        series: lines; points that are not finite are left out.
        x: horizontal axis.
        y: vertical axis.
    """
    drawn = [
        each._replace(points=[p for p in each.points if _is_drawn(p, x, y)]) for each in series
    ]
    points = [point for each in drawn for point in each.points]
    if not points:
        return ""
    scale_x = _Scale.of(x, [point[0] for point in points], _LEFT, _WIDTH - _RIGHT)
    scale_y = _Scale.of(y, [point[1] for point in points], _HEIGHT - _BOTTOM, _TOP)
    body = "".join(_grid(scale_x, scale_y))
    for number, each in enumerate(drawn):
        places = [(scale_x.place(a), scale_y.place(b)) for a, b in each.points]
        kind = f"series s{number % 6} {each.style}".strip()
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        body += f'<polyline class="{kind}" points="{line}"/>'
        if len(places) <= _MOST_DOTS and not each.style:
            body += "".join(
                f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in places
            )
    body += (
        f'<text class="title" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" '
        f'text-anchor="middle">{escape(x.title)}</text>'
        f'<text class="title" transform="translate(13 {(_TOP + _HEIGHT - _BOTTOM) / 2}) '
        f'rotate(-90)" text-anchor="middle">{escape(y.title)}</text>'
    )
    names = "".join(
        f'<span class="key s{number % 6}">{escape(each.name)}</span>'
        for number, each in enumerate(drawn)
        if each.name
    )
    label = escape(f"{y.title} over {x.title}", quote=True)
    return (
        f'<figure class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{label}">{body}</svg><figcaption>{names}</figcaption></figure>'
    )


def _is_drawn(point: tuple[float, float], x: Axis, y: Axis) -> bool:
    return all(
        abs(value) <= _LARGEST and (value > 0 or not axis.is_log)
        for value, axis in zip(point, (x, y), strict=True)
    )


class _Scale(NamedTuple):
    """From values to places in the picture."""

    low: float
    high: float
    first: float
    last: float
    is_log: bool

    @classmethod
    def of(cls, axis: Axis, values: Sequence[float], first: float, last: float) -> _Scale:
        low = min(values) if axis.low is None else axis.low
        high = max(values) if axis.high is None else axis.high
        if high <= low:
            half = max(0.5, abs(low) * 1e-3)  # of a large value a float keeps no half
            low, high = (low / 2, high * 2) if axis.is_log else (low - half, high + half)
        return cls(low, high, first, last, axis.is_log)

    def place(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        part = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.first + part * (self.last - self.first)

    def ticks(self) -> list[float]:
        if self.is_log:
            exponents = range(
                math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1
            )
            every = max(1, -(-len(exponents) // _MOST_TICKS))
            return [10.0**exponent for exponent in exponents[::every]] or [self.low, self.high]
        rough = (self.high - self.low) / _MOST_TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough - 1e-12)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * k for k in range(first, last + 1)]


def _grid(x: _Scale, y: _Scale) -> list[str]:
    lines = []
    for value in x.ticks():
        at = x.place(value)
        lines.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
            f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:.4g}'
            "</text>"
        )
    for value in y.ticks():
        at = y.place(value)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{_LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    return lines
