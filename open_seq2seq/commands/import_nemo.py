"""Make a config, a labels file and a checkpoint of this toolkit from a MatchboxNet that NeMo saved.

    open-seq2seq-import-nemo matchboxnet.nemo --output_dir=result/matchboxnet
    open-seq2seq --config_file=result/matchboxnet/config.py --mode=infer CLIP.wav

Needs neither NeMo nor PyTorch, and runs no code of the archive. What is written has no optimizer
state: to fine-tune it, start another run with --load_model=result/matchboxnet --logdir=DIR.
"""

from __future__ import annotations

import argparse
import shlex
import sys

from open_seq2seq.commands.arguments import new_parser
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import logging_to, run_command, say, stdout_handler


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags = _parse(arguments)

    # takes a second, which --help need not wait
    from open_seq2seq.importing.nemo import import_archive

    with logging_to(stdout_handler()):
        import_archive(
            flags.archive,
            flags.output_dir,
            label_order=flags.label_order,
            labels_file=flags.labels_file,
        )
    config_file = shlex.quote(f"--config_file={flags.output_dir / 'config.py'}")
    say(f"try it: open-seq2seq {config_file} --mode=infer CLIP.wav")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = new_parser("open-seq2seq-import-nemo", __doc__)
    parser.add_argument(
        "archive", type=user_path, metavar="FILE.nemo", help="archive that NeMo's save_to wrote"
    )
    parser.add_argument("--output_dir", type=user_path, required=True, help="folder to create")
    parser.add_argument(
        "--label_order",
        choices=("sorted", "config"),
        default="sorted",
        help="what the outputs mean: the labels sorted by name, as NeMo trains whatever its config "
        "lists (default), or as the archive's config lists them",
    )
    parser.add_argument(
        "--labels_file",
        type=user_path,
        help="the same labels in the order of your manifests, into which the outputs are put",
    )
    return parser.parse_args(arguments)
