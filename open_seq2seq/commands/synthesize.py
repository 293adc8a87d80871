"""Make a synthetic dataset in the layout of Speech Commands with the speech synthesizer espeak-ng.

    open-seq2seq-synthesize --output_dir=data/synthetic --clips_per_word=100

For trials without a download: dozens of synthetic voices in several accents say the words, and
generated noise is mixed in. Or, with --sentences, they say sentences without some keywords:

    open-seq2seq-synthesize --output_dir=data/talk --sentences=60 --avoid=yes,no
"""

from __future__ import annotations

import argparse
import sys
import time

from open_seq2seq.commands.arguments import add_output_dir, new_parser
from open_seq2seq.errors import UserError, counted
from open_seq2seq.synthetic.vocabulary import split_words
from open_seq2seq.system.terminal import console, progress_bar, run_command, say

_VERSION, _CLIPS = "v2", 100


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = _parse(arguments)
    if flags.sentences is not None:
        _write_sentences(flags)
    else:
        _make_dataset(flags)


def _make_dataset(flags: argparse.Namespace) -> None:
    if flags.avoid is not None:
        raise UserError(
            f"--avoid {flags.avoid}: is for --sentences; give minutes of them, or leave it out"
        )

    # these take a second, which --help need not wait
    from open_seq2seq.data.dataset_versions import words_of
    from open_seq2seq.synthetic.dataset import make_dataset

    words = words_of(flags.version or _VERSION)
    clips_per_word = _CLIPS if flags.clips_per_word is None else flags.clips_per_word
    if flags.words is not None:
        words = _split_words(flags.words)
    terminal = console()
    start = time.monotonic()
    with progress_bar(terminal) as progress:
        n_clips = len(words) * max(0, clips_per_word)
        task = progress.add_task("making clips", total=n_clips)
        n_clips = make_dataset(
            flags.output_dir,
            words,
            clips_per_word,
            flags.seed,
            flags.n_jobs,
            lambda n_done: progress.advance(task, n_done),
        )
    seconds = time.monotonic() - start
    clips, of_words = counted(n_clips, "clip"), counted(len(words), "word")
    say(f"{flags.output_dir}: {clips} of {of_words} in {seconds:.0f} s")


def _write_sentences(flags: argparse.Namespace) -> None:
    """Write recordings of sentences for each split, and the list of what is said."""
    for name in ("version", "words", "clips_per_word"):
        if getattr(flags, name) is not None:
            raise UserError(
                f"--{name} {getattr(flags, name)}: is for clips of words, not for --sentences; "
                "leave one of them out, and name keywords that no sentence says with --avoid"
            )
    if flags.seed < 0 or flags.n_jobs < 0:
        raise UserError(f"--seed {flags.seed}, --n_jobs {flags.n_jobs}: expected 0 or more")
    avoid = split_words(flags.avoid or "", "--avoid") if flags.avoid else []
    if flags.avoid is not None and not (avoid and all(avoid)):
        raise UserError(f"--avoid {flags.avoid!r}: an empty word, expected words such as yes,no")

    # these take a second, which --help need not wait
    from open_seq2seq.synthetic.spoken_sentences import (
        check_minutes,
        minutes_per_split,
        write_list,
        write_sentence_splits,
    )
    from open_seq2seq.system.new_folder import new_folder

    check_minutes(flags.sentences)
    minutes = minutes_per_split(flags.sentences)
    terminal = console()
    start = time.monotonic()
    with (
        new_folder(flags.output_dir) as folder,
        progress_bar(terminal) as progress,
    ):
        task = progress.add_task("sentences", total=60 * sum(minutes.values()))
        said = write_sentence_splits(
            {split: (folder / split, length) for split, length in minutes.items()},
            avoid=avoid,
            seed=flags.seed,
            n_jobs=flags.n_jobs,
            on_progress=lambda seconds: progress.advance(task, seconds),
        )
        write_list(folder / "sentences.csv", said)
    seconds = time.monotonic() - start
    for split, sentences in said.items():
        voices = counted(len({each.speaker for each in sentences}), "voice")
        languages = counted(len({each.language for each in sentences}), "language")
        n = counted(len(sentences), "sentence")
        say(f"{flags.output_dir / split}: {minutes[split]:g} minutes, {n}, {voices}, {languages}")
    say(f"written in {seconds:.0f} s")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = new_parser("open-seq2seq-synthesize", __doc__)
    add_output_dir(parser)
    parser.add_argument(
        "--version",
        choices=("v1", "v2"),
        help="release whose words are said: v1 has 30, v2 35 (default: v2)",
    )
    parser.add_argument("--words", metavar="A,B,C", help="these words instead; plain letters")
    parser.add_argument(
        "--clips_per_word",
        type=int,
        help=f"clips per word, a tenth each in validation and test (default: {_CLIPS})",
    )
    parser.add_argument(
        "--sentences",
        metavar="MINUTES",
        type=float,
        help="recordings of sentences instead of clips of words: minutes for training, a tenth "
        "each for validation and test",
    )
    parser.add_argument(
        "--avoid",
        metavar="A,B,C",
        help="with --sentences: keywords, which no sentence says, nor what sounds like them",
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
