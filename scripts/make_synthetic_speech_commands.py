#!/usr/bin/env python3
"""Make a synthetic data set in the layout of Speech Commands, with the speech synthesiser
espeak-ng.

For trials without a download: the words are said by dozens of synthetic voices in several accents
and mixed with generated noise. Example:

    python scripts/make_synthetic_speech_commands.py --output_dir data/synthetic --clips_per_word
    100
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # so that it runs from a checkout, not installed

from open_seq2seq.data.dataset_versions import words_of
from open_seq2seq.synthetic.dataset import make_dataset
from open_seq2seq.system.terminal import exit_on_user_error


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="a folder that does not exist or is empty"
    )
    parser.add_argument(
        "--version",
        choices=["v1", "v2"],
        default="v2",
        help="whose words: v1 has 30, v2 (default) 35",
    )
    parser.add_argument("--words", help="these words instead, a,b,c; plain letters")
    parser.add_argument(
        "--clips_per_word", type=int, default=100, help="default 100; a tenth each in val and test"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="default 0; the same seed gives the same bytes"
    )
    parser.add_argument("--n_jobs", type=int, default=0, help="processes; default 0, one per core")
    return parser.parse_args()


def main() -> None:
    """Make the data set and say what was made."""
    arguments = parse_arguments()
    words = (
        words_of(arguments.version) if arguments.words is None else _split_words(arguments.words)
    )
    console = Console()
    start = time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(
            "making clips", total=len(words) * max(0, arguments.clips_per_word)
        )
        n_clips = make_dataset(
            arguments.output_dir,
            words,
            arguments.clips_per_word,
            arguments.seed,
            arguments.n_jobs,
            lambda n_done: progress.advance(task, n_done),
        )
    seconds = time.monotonic() - start
    print(f"{arguments.output_dir}: {n_clips} clips of {len(words)} words in {seconds:.0f} s")


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


if __name__ == "__main__":
    exit_on_user_error(main)
