"""Parsers of the commands, and a flag that several of them have."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from open_seq2seq.system.help_text import HelpFormatter
from open_seq2seq.system.paths import user_path


class _Parser(argparse.ArgumentParser):
    """Says of a wrong flag which one was perhaps meant."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse flags that there are not, before any that are missing."""
        known = self._option_string_actions
        for text in sys.argv[1:] if args is None else args:
            flag = text.partition("=")[0]
            if text == "--":
                break
            if flag.startswith("--") and flag not in known:
                from open_seq2seq.config.problems import suggestion

                meant = suggestion(flag.replace("-", "_").replace("__", "--", 1), known)
                self.error(f"there is no flag {flag}{meant}; --help lists all")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End with a message of one line; what flags there are, --help says."""
        if "expected one argument" in message:
            message += "; a value that begins with a minus needs =, as in --snr_db=-5,20"
        self.exit(2, f"{self.prog}: error: {message}\n")


def new_parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser without flags.

    Args:
        prog: name of the command.
        description: the docstring of its module.
    """
    return _Parser(
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
