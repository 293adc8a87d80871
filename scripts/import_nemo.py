#!/usr/bin/env python3
"""Make a config, a labels file and a checkpoint of this toolkit from a MatchboxNet that NeMo saved.

    python scripts/import_nemo.py matchboxnet.nemo --output_dir=result/matchboxnet
    python run.py --config_file=result/matchboxnet/config.py --mode=infer CLIP.wav

Needs neither NeMo nor PyTorch, and runs no code of the archive. What is written has no optimizer's
state: to train on from it, start another run with --load_model=result/matchboxnet --logdir=DIR.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # so that it runs from a checkout, not installed

from open_seq2seq.system.terminal import exit_on_user_error


def main(arguments: list[str] | None = None) -> None:
    """Run the script with ``arguments``, or with those of the command line."""
    flags = _parse(sys.argv[1:] if arguments is None else arguments)

    from open_seq2seq.importing.nemo import (
        import_archive,
    )  # takes a second, which --help need not wait

    import_archive(
        flags.archive,
        flags.output_dir,
        label_order=flags.label_order,
        labels_file=flags.labels_file,
    )
    config_file = shlex.quote(f"--config_file={flags.output_dir / 'config.py'}")
    print(f"try it: python run.py {config_file} --mode=infer CLIP.wav")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "archive", type=Path, metavar="FILE.nemo", help="archive that NeMo's save_to wrote"
    )
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--label_order",
        choices=("sorted", "config"),
        default="sorted",
        help="what the outputs mean: the labels sorted by name, as NeMo trains whatever its config lists (default), or "
        "as the archive's config lists them",
    )
    parser.add_argument(
        "--labels_file",
        type=Path,
        help="the same labels in the order of your manifests: the outputs are put into it",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    exit_on_user_error(main)
