r"""Cut what a model takes for keywords out of recordings without keywords, as clips to train on.

    open-seq2seq-mine --logdir=result/demo --output_dir=data/mined RECORDINGS

The streaming detector hears the recordings. Its false accepts become clips in clips/, those of
highest score first, and mined-train.csv is their manifest, with mined-labels.txt; mined-places.csv
has the score of each, and where it lay. A keyword that is said in the recordings would be trained
as if it was none: listen to the highest scores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from open_seq2seq.commands.arguments import add_output_dir, new_parser
from open_seq2seq.config.flag_help import add_flags
from open_seq2seq.errors import counted
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import (
    console,
    logging_to,
    progress_bar,
    run_command,
    say,
    stdout_handler,
)

if TYPE_CHECKING:
    from open_seq2seq.detection.mine import Mined

_PARAMS = (
    ("open_seq2seq.config.mine_params", "MineParams"),
    ("open_seq2seq.config.stream_params", "StreamParams"),
)
_SHOWN = 10  # of the highest scores


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = vars(make_parser().parse_args(arguments))
    logdir, output_dir, recordings = (
        flags.pop(name) for name in ("logdir", "output_dir", "recordings")
    )

    # these take a second, which --help need not wait
    from open_seq2seq.config.flags import read_flags
    from open_seq2seq.config.mine_params import MineParams

    params = read_flags(flags, MineParams)

    from open_seq2seq.inference import recordings_of

    recordings_of(recordings)  # says what is not there before anything is loaded

    # this takes several seconds
    from open_seq2seq.detection.mine import mine
    from open_seq2seq.pretrained.model import load_model

    terminal = console()
    with (
        logging_to(stdout_handler()),
        progress_bar(terminal) as progress,
    ):
        task = progress.add_task("listening", total=None)
        mined = mine(
            load_model(logdir),
            recordings,
            params,
            output_dir,
            lambda n_done, n_all: progress.update(task, advance=n_done, total=n_all),
        )
    _tell(mined, output_dir)


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, whose flags are the parameters of `MineParams` too."""
    parser = new_parser("open-seq2seq-mine", __doc__)
    parser.add_argument(
        "recordings",
        nargs="+",
        metavar="RECORDINGS",
        help="audio files, folders of them or manifests, in which nobody says a keyword",
    )
    parser.add_argument(
        "--logdir", type=user_path, required=True, help="logdir of a run, or one of its checkpoints"
    )
    add_output_dir(parser)
    for module, name in _PARAMS:
        add_flags(parser, module, name, "")
    return parser


def _tell(mined: Mined, output_dir: Path) -> None:
    n_events = mined.events.total()
    rate = n_events / mined.hours if mined.hours else 0.0
    say(f"{counted(n_events, 'false accept')} in {mined.hours:.2f} h, {rate:.1f} an hour")
    if not n_events:
        say("nothing is written; a lower --threshold or --smoothing=1 hears more")
        return
    say(", ".join(f"{label} {count}" for label, count in mined.events.most_common()))
    say("the highest scores; if a keyword is said there, take its row out of the manifest:")
    for index, accept in enumerate(mined.clips[:_SHOWN]):
        start, end = (at / mined.sample_rate for at in (accept.start, accept.end))
        say(
            f"  clips/{index:05}.wav: {accept.label} {accept.score:.4f}, "
            f"{accept.path} {start:.2f} to {end:.2f} s"
        )
    manifest = output_dir / "mined-train.csv"
    say(f"{manifest}: {counted(len(mined.clips), 'clip')} to train on, as what is no keyword")
