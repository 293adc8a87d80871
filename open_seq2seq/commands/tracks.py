r"""Make long tracks, each with a list of what is said when, for measuring a detector.

    open-seq2seq-tracks --output_dir=tracks/test --manifest=data/speech_commands/v2-12-test.csv

The clips of a manifest stand at known times in noise, between stretches of noise, of silence and,
with --speech, of other speech. Beside each NAME.wav lies NAME.csv: start and end of each word in
seconds, label, word, signal-to-noise ratio and clip. Recordings without keywords become tracks with
--join:

    open-seq2seq-tracks --output_dir=tracks/prompts --join=FOLDER
"""

from __future__ import annotations

import argparse
import shlex
import sys

from open_seq2seq.commands.arguments import add_output_dir, new_parser
from open_seq2seq.config.flag_help import add_flags
from open_seq2seq.system.terminal import (
    console,
    logging_to,
    progress_bar,
    run_command,
    say,
    stdout_handler,
)

_PARAMS = ("open_seq2seq.config.track_params", "TrackParams")


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = vars(make_parser().parse_args(arguments))

    # these take a second, which --help need not wait
    from open_seq2seq.config.flags import read_flags
    from open_seq2seq.config.track_params import TrackParams
    from open_seq2seq.detection.make_tracks import make_tracks

    output_dir = flags.pop("output_dir")
    params = read_flags(flags, TrackParams)
    terminal = console()
    with (
        logging_to(stdout_handler()),
        progress_bar(terminal) as progress,
    ):
        task = progress.add_task("making tracks", total=None)
        summary = make_tracks(
            params,
            output_dir,
            lambda n_done, n_all: progress.update(task, advance=n_done, total=n_all),
        )
    summary.print(output_dir, terminal)
    folder = shlex.quote(str(output_dir))
    say(f"measure on them: open-seq2seq --mode=detect --logdir=LOGDIR {folder}")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, whose flags are the parameters of `TrackParams`."""
    parser = new_parser("open-seq2seq-tracks", __doc__)
    add_output_dir(parser)
    add_flags(parser, *_PARAMS, "")
    return parser
