"""Charts as SVG: where values are drawn, and what is written at the axes."""

import re
from xml.etree import ElementTree

import pytest

from open_seq2seq.reports.charts import Axis, Series, chart


def svg(*args):
    return ElementTree.fromstring(chart(*args)).find("svg")


def points_of(line):
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_values_have_their_places():
    picture = svg([Series("a", [(0, 0), (5, 50), (10, 100)])], Axis("x"), Axis("y", 0, 100))
    (x0, y0), (x1, y1), (x2, y2) = points_of(picture.find("polyline"))
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11) and y1 - y0 == pytest.approx(
        y2 - y1, abs=0.11
    )
    assert x0 < x2 and y0 > y2  # upwards


def test_decades_are_as_far_apart_on_a_logarithmic_axis():
    series = [Series("a", [(0, 7), (0.1, 1), (1, 2), (10, 3)])]
    picture = svg(series, Axis("x", is_log=True), Axis("y"))
    places = points_of(picture.find("polyline"))  # 0 has no place
    assert len(places) == 3
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.11)
    assert [t.text for t in picture.findall("text")[:3]] == ["0.1", "1", "10"]


@pytest.mark.parametrize(
    "points",
    [[(1, 1)], [(1, 2), (1, 2)], [(0, 1e-9), (1, 2e-9)], [(1e6, 1), (2e6, float("nan")), (3e6, 2)]],
)
def test_few_equal_and_tiny_values_are_drawn(points):
    picture = svg([Series("a", points)], Axis("x"), Axis("y"))
    assert not re.search("nan|inf", ElementTree.tostring(picture, "unicode"))


def test_nothing_is_no_chart_and_names_are_text():
    assert chart([Series("a", [])], Axis("x"), Axis("y")) == ""
    assert "<script>" not in chart([Series("<script>", [(1, 1)])], Axis("<b>"), Axis('"'))
