"""Make impulse responses of rooms, in which training clips are then heard.

    open-seq2seq-rooms --output_dir=data/rooms --rooms=200

Each is of a box of drawn size and absorption, with a speaker and a microphone at drawn places.
"room_responses": "data/rooms" in data_layer_params uses them. Needs the extra `rooms`.
"""

from __future__ import annotations

import argparse
import sys
import time

from open_seq2seq.commands.arguments import add_output_dir, new_parser
from open_seq2seq.errors import counted
from open_seq2seq.system.terminal import console, progress_bar, run_command, say


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = _parse(arguments)

    # these take a second, which --help need not wait
    from open_seq2seq.synthetic.rooms import make_rooms

    terminal = console()
    start = time.monotonic()
    with progress_bar(terminal) as progress:
        task = progress.add_task("making rooms", total=max(0, flags.rooms))
        n_rooms = make_rooms(
            flags.output_dir, flags.rooms, flags.seed, lambda n: progress.advance(task, n)
        )
    say(f"{flags.output_dir}: {counted(n_rooms, 'room')} in {time.monotonic() - start:.0f} s")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = new_parser("open-seq2seq-rooms", __doc__)
    add_output_dir(parser)
    parser.add_argument("--rooms", type=int, default=200, help="number of rooms (default: 200)")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same bytes (default: 0)"
    )
    return parser.parse_args(arguments)
