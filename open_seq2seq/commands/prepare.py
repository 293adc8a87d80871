"""Write the manifests that training reads from a folder of Speech Commands clips.

    open-seq2seq-prepare --data_dir=data/speech_commands/v0.01 --dataset_version=v1-12

DATA_DIR holds a folder per word, <word>/<speaker>_nohash_<n>.wav (or .flac, .ogg, .mp3 ...), and
for the versions with silence _background_noise_/*.wav. Into the output folder go
<version>-train.csv, -val.csv and -test.csv, -labels.txt, -summary.csv, -summary.json, the clips of
silence and the noise for augmentation.
"""

from __future__ import annotations

import argparse
import csv
import logging
import shlex
import sys
from pathlib import Path

from open_seq2seq.commands.arguments import new_parser
from open_seq2seq.commands.negative_flags import add_negative_flags, read_negatives
from open_seq2seq.data.dataset_versions import (
    CUSTOM_VERSION,
    LABELS,
    SILENCE,
    UNKNOWN,
    V1_WORDS,
    labels_for_keywords,
    words_of,
)
from open_seq2seq.data.words import as_word
from open_seq2seq.errors import UserError
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import console, run_command

DEFAULT_VERSION = "v1-12"
_PROG = "open-seq2seq-prepare"


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = _parse(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    if flags.seed < 0:
        raise UserError(f"--seed {flags.seed}: expected 0 or more")
    version, labels = _version_and_labels(flags)
    negatives = read_negatives(flags)

    # these take a second, which --help and a wrong flag need not wait
    from open_seq2seq.preprocessing.download import RELEASES, download_dataset
    from open_seq2seq.preprocessing.prepare import Settings, prepare
    from open_seq2seq.preprocessing.speakers import speaker_pattern

    speakers = None
    if flags.speaker_pattern is not None:
        speakers = speaker_pattern(flags.speaker_pattern)
    if flags.download:
        release = "v0.01" if words_of(version) == V1_WORDS else "v0.02"
        download_dataset(flags.data_dir, RELEASES[release])
    settings = Settings(
        data_dir=flags.data_dir,
        output_dir=flags.output_dir,
        version=version,
        labels=labels,
        split=flags.split,
        speakers=speakers,
        seed=flags.seed,
        balance=not flags.no_balance,
        command=shlex.join([_PROG, *arguments]),
        negatives=negatives,
    )
    prepare(settings, console())


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = new_parser(_PROG, __doc__)
    parser.add_argument(
        "--data_dir", type=user_path, required=True, help="folder with a folder of clips per word"
    )
    parser.add_argument(
        "--dataset_version",
        metavar="VERSION",
        help=f"labels to use: {', '.join(LABELS)} (default: {DEFAULT_VERSION})",
    )
    parser.add_argument(
        "--keywords",
        metavar="A,B,C",
        help="custom keywords instead of a version's words; one with a comma in double quotes",
    )
    parser.add_argument(
        "--no_unknown",
        action="store_true",
        help="custom keywords: no label for the other words, which are left out",
    )
    parser.add_argument(
        "--no_silence", action="store_true", help="custom keywords: no label for silence"
    )
    parser.add_argument(
        "--output_dir",
        type=user_path,
        default=Path("data/speech_commands"),
        help="folder for the manifests (default: data/speech_commands)",
    )
    parser.add_argument(
        "--split",
        choices=("official", "random"),
        default="official",
        help="official: the published lists or, without them, the same rule on the speaker; "
        "random: 80-10-10 per word, speakers cross splits (default: official)",
    )
    parser.add_argument(
        "--speaker_pattern",
        metavar="REGEX",
        help="regular expression that is searched in each file name; its first group is the "
        "speaker, for example '^([a-z]+)_' (default: what stands before _nohash_)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed for everything that is drawn (default: 0)"
    )
    parser.add_argument(
        "--no_balance", action="store_true", help="do not duplicate rows of the smaller classes"
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="fetch the published archive (1.5 or 2.4 GB) unless DATA_DIR has clips",
    )
    add_negative_flags(parser)
    return parser.parse_args(arguments)


def _version_and_labels(flags: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    if flags.dataset_version not in (None, *LABELS):
        raise UserError(
            f"--dataset_version {flags.dataset_version}: expected one of {', '.join(LABELS)}; for "
            "words of your own say --keywords=lamp,door instead"
        )
    if flags.keywords is None:
        version = flags.dataset_version or DEFAULT_VERSION
        for flag in ("no_unknown", "no_silence"):
            if getattr(flags, flag):
                raise UserError(
                    f"--{flag}: the labels of --dataset_version {version} are fixed; name words "
                    "of your own with --keywords=A,B,C, or leave the flag out"
                )
        return version, LABELS[version]
    if flags.dataset_version is not None:
        raise UserError(
            f"--keywords {flags.keywords} and --dataset_version {flags.dataset_version} exclude "
            "each other: give custom keywords, or a version with its words"
        )
    labels = labels_for_keywords(
        _read_keywords(flags.keywords), unknown=not flags.no_unknown, silence=not flags.no_silence
    )
    if len(labels) < 2:
        raise UserError(
            f"--keywords {flags.keywords}: one label alone, expected two or more; name another "
            "word, or leave out --no_unknown or --no_silence"
        )
    return CUSTOM_VERSION, labels


def _read_keywords(text: str) -> list[str]:
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:  # a quote that is not closed, or a line break
        raise UserError(
            f"--keywords {text!r}: expected words with one comma between them, such as yes,no, and "
            'a word that has a comma itself in double quotes: "yes, please",no'
        ) from None
    words = [as_word(word) for row in rows for word in row]
    if not words or not all(words):
        raise UserError(
            f"--keywords {text!r}: an empty word, expected words with one comma between them, such "
            "as yes,no"
        )
    repeated = sorted({word for word in words if words.count(word) > 1})
    if repeated:
        raise UserError(f"--keywords {text}: {repeated[0]!r} is duplicated; name each word once")
    reserved = sorted({UNKNOWN, SILENCE} & set(words))
    if reserved:
        raise UserError(
            f"--keywords {text}: {reserved[0]!r} is added by itself; name only words, and rename "
            f"the folder if {reserved[0]!r} is a word of yours"
        )
    return words
