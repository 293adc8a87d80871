"""Make a synthetic dataset in the layout of Speech Commands with the speech synthesizer espeak-ng.

    open-seq2seq-synthesize --output_dir=data/synthetic --clips_per_word=100

For trials without a download: dozens of synthetic voices in several accents say the words, and
generated noise is mixed in.
"""

from __future__ import annotations

import argparse
import sys
import time

from open_seq2seq.errors import counted
from open_seq2seq.system.help_text import HelpFormatter
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import console, exit_on_user_error, say


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = _parse(arguments)

    # these take a second, which --help need not wait
    from rich.progress import Progress

    from open_seq2seq.data.dataset_versions import words_of
    from open_seq2seq.synthetic.dataset import make_dataset

    words = words_of(flags.version)
    if flags.words is not None:
        words = _split_words(flags.words)
    terminal = console()
    start = time.monotonic()
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        n_clips = len(words) * max(0, flags.clips_per_word)
        task = progress.add_task("making clips", total=n_clips)
        n_clips = make_dataset(
            flags.output_dir,
            words,
            flags.clips_per_word,
            flags.seed,
            flags.n_jobs,
            lambda n_done: progress.advance(task, n_done),
        )
    seconds = time.monotonic() - start
    clips, of_words = counted(n_clips, "clip"), counted(len(words), "word")
    say(f"{flags.output_dir}: {clips} of {of_words} in {seconds:.0f} s")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    exit_on_user_error(lambda: main(sys.argv[1:]))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="open-seq2seq-synthesize",
        description=__doc__,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output_dir",
        type=user_path,
        required=True,
        help="a folder that does not exist or is empty",
    )
    parser.add_argument(
        "--version",
        choices=("v1", "v2"),
        default="v2",
        help="release whose words are said: v1 has 30, v2 35 (default: v2)",
    )
    parser.add_argument("--words", metavar="A,B,C", help="these words instead; plain letters")
    parser.add_argument(
        "--clips_per_word",
        type=int,
        default=100,
        help="clips per word, a tenth each in validation and test (default: 100)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same bytes (default: 0)"
    )
    parser.add_argument(
        "--n_jobs", type=int, default=0, help="processes; 0 is one per core (default: 0)"
    )
    return parser.parse_args(arguments)


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
