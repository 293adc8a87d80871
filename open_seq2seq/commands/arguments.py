"""Parsers of the commands, and a flag that several of them have."""

from __future__ import annotations

import argparse

from open_seq2seq.system.help_text import HelpFormatter
from open_seq2seq.system.paths import user_path


def new_parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser without flags.

    Args:
        prog: name of the command.
        description: the docstring of its module.
    """
    return argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=HelpFormatter, allow_abbrev=False
    )


def add_output_dir(parser: argparse.ArgumentParser) -> None:
    """Add the flag of a folder that appears when all is written."""
    parser.add_argument(
        "--output_dir",
        type=user_path,
        required=True,
        help="a folder that does not exist or is empty",
    )
