#!/usr/bin/env python3
"""Make a checkpoint of this toolkit from one of OpenSeq2Seq's ResNet or Jasper models (TensorFlow
1).

    python scripts/import_openseq2seq.py OLD_LOGDIR/model.ckpt-1234 --labels_file=v1-12-labels.txt \
        --config_file=example_configs/speech_commands/resnet50.py --output_dir=result/imported

CHECKPOINT is a checkpoint's name without the endings of its files, or the folder, where the newest
is taken. The config describes the network as it was trained; any parameter of it can be changed as
for run.py, as in --encoder_params/resnet_size=18. What is written has no optimizer's state: to
train on from it, start another run with --load_model=result/imported --logdir=DIR.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # so that it runs from a checkout, not installed

from open_seq2seq.errors import UserError
from open_seq2seq.system.terminal import exit_on_user_error


def main(arguments: list[str] | None = None) -> None:
    """Run the script with ``arguments``, or with those of the command line."""
    flags, texts = _parse(sys.argv[1:] if arguments is None else arguments)

    from open_seq2seq.config import (
        load_config,
        parse_value,
    )  # these take a second, which --help need not wait
    from open_seq2seq.data.manifests import read_labels
    from open_seq2seq.importing.openseq2seq import import_checkpoint

    config = load_config(
        flags.config_file, "infer", {key: parse_value(text) for key, text in texts.items()}
    )
    logdir = flags.output_dir or Path(config.params.logdir)
    import_checkpoint(flags.checkpoint, config, read_labels(flags.labels_file), logdir)
    pad_value = config.data_layers["infer"].pad_value
    command = [
        f"--config_file={flags.config_file}",
        f"--logdir={logdir}",
        *(f"--{k}={v}" for k, v in texts.items() if k != "logdir"),
    ]
    if pad_value != 0.0:
        print(
            "note: OpenSeq2Seq put 0.0, which is loud, around short clips, and so the model learned it; give it "
            "--data_layer_params/pad_value=0.0"
        )
        command.append("--data_layer_params/pad_value=0.0")
    print(f"try it: python run.py --mode=infer {shlex.join(command)} CLIP.wav")


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="name of the checkpoint, or its folder"
    )
    parser.add_argument("--config_file", required=True, help="config that describes the network")
    parser.add_argument(
        "--labels_file", type=Path, required=True, help="what its outputs mean: one label per line"
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        help="folder that the checkpoint is for, in checkpoints/ (default: the config's logdir)",
    )
    flags, others = parser.parse_known_args(arguments)
    overrides = {}
    for other in others:
        name, has_value, value = other.partition("=")
        if not name.startswith("--") or not has_value:
            raise UserError(
                f"{other}: expected a flag, or a parameter of the config as in --encoder_params/version=1"
            )
        overrides[name.removeprefix("--")] = value
    return flags, overrides


if __name__ == "__main__":
    exit_on_user_error(main)
