r"""Make a detector of a phrase from nothing but the phrase.

    open-seq2seq-phrase "hey lamp" --output_dir=detectors/hey_lamp

Synthetic voices say the phrase, what sounds like it, and much else. A small network for streams is
trained on that, its threshold is chosen for a wanted rate of false accepts, it is measured on
voices that it has not heard, and exported. report.md in the folder says how good it is and how to
use it, and config.py how it was trained. After Ctrl-C the same command continues. Recordings of
your own, with --recordings and --negatives, make it better and the measurement true.
"""

from __future__ import annotations

import argparse
import sys

from open_seq2seq.commands.arguments import new_parser
from open_seq2seq.config.flag_help import add_flags
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import run_command

_PARAMS = ("open_seq2seq.config.phrase_params", "PhraseParams")


def main(arguments: list[str]) -> int:
    """Do what ``arguments`` say; return the exit status."""
    flags = vars(make_parser().parse_args(arguments))
    phrases, output_dir, is_quick = (flags.pop(name) for name in ("phrases", "output_dir", "quick"))

    # these take a second, which --help need not wait
    from open_seq2seq.config.flags import read_flags
    from open_seq2seq.config.phrase_params import PhraseParams
    from open_seq2seq.phrase import FULL, QUICK, make_detector

    amounts = QUICK if is_quick else FULL
    return make_detector(phrases, output_dir, read_flags(flags, PhraseParams), amounts)


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, whose flags are the parameters of `PhraseParams` too."""
    parser = new_parser("open-seq2seq-phrase", __doc__)
    parser.add_argument(
        "phrases",
        nargs="+",
        metavar="PHRASE",
        help="what the detector hears, in quotes; several phrases are several labels",
    )
    parser.add_argument(
        "--output_dir",
        type=user_path,
        required=True,
        help="a folder that does not exist or is empty, or one that this command has begun",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="little of everything, to see in 2 minutes that it works; the detector finds nothing, "
        "and the exit status is 2",
    )
    add_flags(parser, *_PARAMS, "")
    return parser
