"""The flags of open-seq2seq-prepare for further clips of the label unknown."""

from __future__ import annotations

import argparse
import math

from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.negative_params import (
    CONFUSABLE,
    DOUBLE,
    KINDS,
    N_CLIPS,
    N_VOICES,
    SENTENCE_MINUTES,
    SENTENCES,
    SYNTHETIC,
    NegativeParams,
    read_kinds,
)
from open_seq2seq.synthetic.vocabulary import read_vocabulary, split_words

# which kinds a flag is for
_NEEDED = {
    "double_words": {DOUBLE},
    "vocabulary": {SYNTHETIC, CONFUSABLE},
    "synthetic_clips": {SYNTHETIC, CONFUSABLE},
    "synthetic_voices": {SYNTHETIC, CONFUSABLE, SENTENCES},
    "clip_s": {SYNTHETIC, CONFUSABLE},
    "sentence_minutes": {SENTENCES},
}
_LEAST = {"double_words": 1, "synthetic_clips": 3, "synthetic_voices": 1, "sentence_minutes": 1}


def add_negative_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to ``parser``."""
    group = parser.add_argument_group("further clips of the label unknown")
    group.add_argument(
        "--negatives",
        metavar=",".join(KINDS),
        help="kinds to write manifests of: all clips of other words, halves of two words, "
        "synthetic words, synthetic words that sound like a keyword; and recordings of synthetic "
        "sentences without keywords (default: none)",
    )
    group.add_argument(
        "--held_out_words",
        metavar="A,B,C",
        help="words that are kept out of training with all that sounds like them, and have "
        "manifests of their own for a test",
    )
    group.add_argument(
        "--double_words",
        metavar="N",
        type=int,
        help="number of double words (default: twice the training clips of a keyword)",
    )
    group.add_argument(
        "--vocabulary",
        metavar="FILE_OR_A,B,C",
        help="words and phrases to say: a file with one per line, or a list (default: hundreds of "
        "everyday English words)",
    )
    group.add_argument(
        "--synthetic_clips",
        metavar="N",
        type=int,
        help=f"clips per synthetic word, a tenth each in validation and test (default: {N_CLIPS})",
    )
    group.add_argument(
        "--synthetic_voices",
        metavar="N",
        type=int,
        help=f"number of synthetic voices, a tenth each in validation and test "
        f"(default: {N_VOICES})",
    )
    group.add_argument(
        "--clip_s",
        metavar="SECONDS",
        type=float,
        help="length of synthetic clips in seconds (default: 1)",
    )
    group.add_argument(
        "--sentence_minutes",
        metavar="N",
        type=float,
        help="minutes of sentences for training; validation and test have a tenth each "
        f"(default: {SENTENCE_MINUTES:g})",
    )


def read_negatives(flags: argparse.Namespace) -> NegativeParams:
    """Return what the flags say.

    Raises:
        UserError: a kind is none, a number is too small, or a flag has no kind that it is for.
    """
    kinds: tuple[str, ...] = ()
    if flags.negatives is not None:
        kinds = read_kinds(flags.negatives)
    for name, needed in _NEEDED.items():
        value = getattr(flags, name)
        if value is None:
            continue
        if not needed & set(kinds):
            choices = " or ".join(f"--negatives={kind}" for kind in KINDS if kind in needed)
            raise UserError(f"--{name} {value}: is for {choices}; say so, or leave the flag out")
        if name in _LEAST and not _LEAST[name] <= value < math.inf:  # nor is it NaN
            raise UserError(f"--{name} {value}: expected {_LEAST[name]} or more")
    params = NegativeParams(kinds, n_double=flags.double_words)
    if flags.held_out_words is not None:
        params = params._replace(held_out_words=_read_words(flags.held_out_words))
    if flags.vocabulary is not None:
        params = params._replace(vocabulary=read_vocabulary(flags.vocabulary))
    numbers = {
        "n_clips": flags.synthetic_clips,
        "n_voices": flags.synthetic_voices,
        "clip_s": flags.clip_s,
        "sentence_minutes": flags.sentence_minutes,
    }
    return params._replace(**{name: value for name, value in numbers.items() if value is not None})


def _read_words(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(split_words(text, "--held_out_words")))
    if not words or not all(words):
        raise UserError(
            f"--held_out_words {text!r}: an empty word, expected words with one comma between "
            "them, such as cat,dog"
        )
    return words
