"""The text of ``--help`` at any width of the terminal."""

from __future__ import annotations

import argparse
import re
import textwrap


class HelpFormatter(argparse.HelpFormatter):
    """Wraps prose and breaks no word, so that names, paths and commands can be copied.

    Indented paragraphs of a description, which are commands, stay as they are.
    """

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrap(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = []
        for paragraph in re.split(r"\n\n", text.strip("\n")):
            lines = paragraph.split("\n")
            if not paragraph.startswith(" "):
                lines = _wrap(" ".join(lines), width - len(indent))
            paragraphs.append("\n".join(indent + line for line in lines))
        return "\n\n".join(paragraphs)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
