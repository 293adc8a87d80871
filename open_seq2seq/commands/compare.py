r"""Compare runs: what differs in their configs, accuracy, and whether the difference is chance.

    open-seq2seq-compare result/one result/two --output=compare.html

What counts are the clips that all runs have heard in their last evaluations; neither models nor
sound are needed. Runs of one config that differ by their seeds alone are one model. With --output
the page has curves, and the clips that only one model gets right can be played.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from open_seq2seq.commands.arguments import new_parser
from open_seq2seq.errors import UserError, counted
from open_seq2seq.system.outputs import cannot_write, check_output
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import printable, run_command, say

if TYPE_CHECKING:
    from open_seq2seq.reports.comparison import Comparison

_WIDEST = 40  # characters of a value in the table of parameters


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = make_parser().parse_args(arguments)
    if len(flags.logdirs) < 2:
        raise UserError(
            f"{flags.logdirs[0]}: a comparison takes the logdirs of two runs or more; "
            "--mode=report shows a single one"
        )
    seen: dict[str, Path] = {}
    for logdir in flags.logdirs:
        place = os.path.realpath(logdir)
        if place in seen:
            raise UserError(f"{logdir}: the same run as {seen[place]}; name each run once")
        seen[place] = logdir
    if flags.output is not None:
        check_output(flags.output, "--output")
    # pandas and SciPy take a second, which --help need not wait
    from open_seq2seq.reports.comparison import compare

    comparison = compare(flags.logdirs, flags.split)
    for line in lines_of(comparison):
        say(line)
    if flags.output is not None:
        from open_seq2seq.reports.compare_page import page_of
        from open_seq2seq.system.files import write_text

        try:
            write_text(flags.output, page_of(comparison), "backslashreplace")
        except OSError as error:
            raise cannot_write(flags.output, error, "--output") from None
        say(f"page: {flags.output.resolve()}")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = new_parser("open-seq2seq-compare", __doc__)
    parser.add_argument(
        "logdirs", nargs="+", type=user_path, metavar="LOGDIR", help="logdirs of two runs or more"
    )
    parser.add_argument(
        "--split",
        choices=("test", "val"),
        default="test",
        help="clips to compare on (default: test)",
    )
    parser.add_argument(
        "--output", type=user_path, metavar="FILE", help="HTML file with curves and sound"
    )
    return parser


def lines_of(comparison: Comparison) -> Iterator[str]:
    """Yield a comparison as the terminal shows it."""
    from open_seq2seq.reports.compare_page import interval, verdict
    from open_seq2seq.reports.comparison import facts_of, interval_of
    from open_seq2seq.reports.rendering import number, significant

    yield f"{counted(len(comparison.clips), 'clip')} of {comparison.split}"
    if comparison.n_left_out:
        yield f"{counted(comparison.n_left_out, 'clip')} that not all runs have heard: left out"
    head = ("model", "runs", "accuracy", "95% interval", "parameters", "multiply-adds", "clips/s")
    rows: list[tuple[str, ...]] = [(*head, "Wh")]
    for model in comparison.models:
        low, high = interval_of(model)
        facts = facts_of(model)
        rows.append(
            (
                printable(model.name),
                str(len(model.runs)),
                f"{model.accuracy:.2%}",
                f"{low:.1%} to {high:.1%}",
                *(
                    number(facts[name])
                    for name in ("n_parameters", "multiply_adds", "training_clips_per_s")
                ),
                significant(facts["energy_wh"]),
            )
        )
        if len(model.runs) > 1:
            rows += [
                (f"  {printable(name)}", "", f"{accuracy:.2%}", *[""] * 5)
                for name, accuracy in zip(model.run_names, model.run_accuracies, strict=True)
            ]
    yield ""
    yield from _table(rows)
    for pair in comparison.pairs:
        found = pair.difference
        yield ""
        names = f"{printable(pair.second)} against {printable(pair.first)}"
        yield f"{names}: {100 * found.value:+.2f} points"
        yield (
            f"  95% interval {interval(found)}, p = {found.p_value:.3g}: {printable(verdict(pair))}"
        )
        yield (
            f"  right more often: {found.n_second} with {printable(pair.second)}, "
            f"{found.n_first} with {printable(pair.first)}"
        )
    yield ""
    if not comparison.parameters:
        yield "nothing differs in their configs, as far as they are recorded"
        return
    yield "what differs in their configs:"
    yield from _table(
        [
            ("parameter", *(printable(model.name) for model in comparison.models)),
            *((key, *(_cut(value) for value in values)) for key, values in comparison.parameters),
        ]
    )


def _cut(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()
