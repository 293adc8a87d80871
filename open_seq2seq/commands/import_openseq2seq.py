r"""Make a checkpoint of this toolkit from an OpenSeq2Seq (TensorFlow 1) ResNet or Jasper model.

    open-seq2seq-import-openseq2seq OLD_LOGDIR/model.ckpt-1234 --labels_file=v1-12-labels.txt \
        --config_file=speech_commands/resnet50 --output_dir=result/imported

CHECKPOINT is a checkpoint's name without the endings of its files, or a folder, of which the newest
is taken. The config describes the network as it was trained; any parameter of it can be changed as
for open-seq2seq: --encoder_params/resnet_size=18. hop_length and pad_value are those of OpenSeq2Seq
unless they are given. What is written has no optimizer state: to fine-tune it, start another run
with --load_model=result/imported --logdir=DIR.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from open_seq2seq.commands.arguments import new_parser
from open_seq2seq.config.overrides import parse_arguments, parse_values
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import logging_to, run_command, say, stdout_handler

_PAD_VALUE = "data_layer_params/pad_value"
_HOP_LENGTH = "data_layer_params/hop_length"


def main(arguments: list[str]) -> None:
    """Do what ``arguments`` say."""
    flags, texts = parse_arguments(_make_parser(), arguments)

    # these take a second, which --help need not wait
    from open_seq2seq.config import load_config
    from open_seq2seq.data.manifests import read_labels
    from open_seq2seq.importing.openseq2seq import import_checkpoint

    config = load_config(flags.config_file, "infer", parse_values(texts))
    # whatever its config said: frames a quarter of the FFT apart, and short clips padded with 0.0
    heard = {_HOP_LENGTH: str(config.data_layers["infer"].n_fft // 4), _PAD_VALUE: "0.0"}
    assumed = {key: text for key, text in heard.items() if key not in texts}
    config = load_config(flags.config_file, "infer", parse_values(texts | assumed))
    logdir = flags.output_dir or Path(config.params.logdir)
    with logging_to(stdout_handler()):
        import_checkpoint(flags.checkpoint, config, read_labels(flags.labels_file), logdir)
    if assumed:
        given = shlex.join(f"--{key}={text}" for key, text in assumed.items())
        say(f"the front end is OpenSeq2Seq's: {given}; give other values if it had others")
    say(f"try it: open-seq2seq --mode=infer {shlex.quote(f'--logdir={logdir}')} CLIP.wav")


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _make_parser() -> argparse.ArgumentParser:
    parser = new_parser("open-seq2seq-import-openseq2seq", __doc__)
    parser.add_argument(
        "checkpoint",
        type=user_path,
        metavar="CHECKPOINT",
        help="name of the checkpoint, or its folder",
    )
    parser.add_argument(
        "--config_file", required=True, metavar="CONFIG", help="config that describes the network"
    )
    parser.add_argument(
        "--labels_file",
        type=user_path,
        required=True,
        help="what its outputs mean: one label per line",
    )
    parser.add_argument(
        "--output_dir",
        type=user_path,
        help="folder that the checkpoint is for, in checkpoints/ (default: the config's logdir)",
    )
    return parser
