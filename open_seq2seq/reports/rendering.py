"""Templates of pages and texts, and how numbers are written in them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

_TEMPLATE = Path(__file__).parent / "template"


def page(template: str, /, *, sounds: list[str], **values: Any) -> str:
    """Return a page with its styles, its script and its sound inside.

    Args:
        template: its name.
        sounds: addresses of the sounds that its players name by their numbers.
        values: that the template shows.
    """
    return (
        _environment(is_html=True)
        .get_template(template)
        .render(
            sounds=script(sounds),
            css=Markup((_TEMPLATE / "report.css").read_text(encoding="utf-8")),
            js=Markup((_TEMPLATE / "report.js").read_text(encoding="utf-8")),
            **values,
        )
    )


def markdown(name: str, **values: Any) -> str:
    """Return a text in Markdown."""
    text = _environment(is_html=False).get_template(name).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def script(value: Any) -> Markup:
    """Return JSON that stands in a script of a page: no text of it can end the script."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _environment(*, is_html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE),
        autoescape=is_html,
        trim_blocks=not is_html,
        lstrip_blocks=not is_html,
        undefined=jinja2.StrictUndefined,
    )
    filters: dict[str, Callable[..., str]] = {
        "percent": percent,
        "with_interval": with_interval,
        "number": number,
        "significant": significant,
        "md": escaped,
        "shell": shlex.join,
    }
    environment.filters |= filters
    return environment


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))


def percent(value: float) -> str:
    """Return a fraction as a percentage."""
    return f"{100 * value:.1f} %"


def with_interval(score: Mapping[str, float] | None) -> str:
    """Return a fraction as a percentage with its interval."""
    if score is None:
        return "–"
    return f"{percent(score['value'])} ({100 * score['low']:.1f} to {100 * score['high']:.1f})"


def number(value: float | None) -> str:
    """Return a large number with its thousands apart."""
    return "–" if value is None else f"{value:,.0f}"


def significant(value: float | None) -> str:
    """Return a number with three digits that count."""
    return "–" if value is None else f"{value:,.3g}" if value < 100 else number(value)
