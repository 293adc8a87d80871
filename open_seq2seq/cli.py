"""The command line of run.py: its own flags, and any parameter of the config as ``--a/b=value``."""

from __future__ import annotations

import argparse
from typing import Any

from open_seq2seq.errors import UserError

MODES = ("train", "eval", "train_eval", "infer")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of run.py's own flags."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        allow_abbrev=False,
        description="Train, evaluate and use speech-command models.",
        epilog="Every parameter of the config can be changed here: --batch_size_per_gpu=16, "
        "--encoder_params/resnet_size=18, --dataset_version=v2, --eval_params/data_layer_params/cache_data=False. "
        "docs/config_reference.md lists them.",
    )
    parser.add_argument(
        "--config_file", required=True, help="Python file with base_model and base_params"
    )
    parser.add_argument(
        "--mode", default="train", choices=MODES, help="what to do (default: train)"
    )
    parser.add_argument(
        "--continue_learning",
        action="store_true",
        help="go on from the newest checkpoint in logdir",
    )
    parser.add_argument(
        "--no_dir_check",
        action="store_true",
        help="go on if logdir has a checkpoint, start if not, whatever is in it",
    )
    parser.add_argument(
        "--infer_output_file", metavar="CSV", help="where --mode=infer writes its predictions"
    )
    parser.add_argument(
        "--benchmark", action="store_true", help="time training steps; nothing is written"
    )
    parser.add_argument(
        "--bench_steps", type=int, default=20, help="steps of the benchmark (default: 20)"
    )
    parser.add_argument(
        "--bench_start", type=int, default=10, help="steps before its clock starts (default: 10)"
    )
    parser.add_argument(
        "--enable_logs", action="store_true", help="log command, versions and parameters too"
    )
    parser.add_argument(
        "--use_xla_jit", action="store_true", help="compile forward and backward pass with XLA"
    )
    parser.add_argument("clips", nargs="*", metavar="CLIP", help="audio files for --mode=infer")
    return parser


def parse(argv: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """Return run.py's own flags, and the other ``--key=value`` or ``--key value`` pairs as text."""
    parser = make_parser()
    own = {option for action in parser._actions for option in action.option_strings}
    mine, overrides = [], {}
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        name, has_value, value = token.partition("=")
        is_switch_with_value = name == "--use_xla_jit" and has_value
        if not token.startswith("--") or (name in own and not is_switch_with_value):
            mine.append(token)
            if (
                name in own
                and not has_value
                and rest
                and not rest[0].startswith("--")
                and _takes_value(parser, name)
            ):
                mine.append(rest.pop(0))
            continue
        if not has_value:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"{name}: expected a value, as in {name}=VALUE")
            value = rest.pop(0)
        overrides[name.removeprefix("--")] = value
    args = parser.parse_intermixed_args(mine)
    if args.clips and args.mode != "infer":
        parser.error(f"{args.clips[0]}: audio files are for --mode=infer only")
    if args.infer_output_file and args.mode != "infer":
        parser.error("--infer_output_file is for --mode=infer only")
    if args.use_xla_jit:
        overrides["use_xla_jit"] = "True"
    return args, overrides


def _takes_value(parser: argparse.ArgumentParser, name: str) -> bool:
    return any(name in action.option_strings and action.nargs != 0 for action in parser._actions)


def main(argv: list[str]) -> int:
    """Run run.py."""
    args, texts = parse(argv)
    # after the flags: --help answers at once
    from open_seq2seq import distributed
    from open_seq2seq.config import load_config, parse_value
    from open_seq2seq.storage.reporting import Reporter
    from open_seq2seq.system.terminal import logging_to

    overrides: dict[str, Any] = {key: parse_value(text) for key, text in texts.items()}
    reporter = Reporter(is_chief=distributed.launched_rank() == 0)
    with logging_to(reporter):
        config = load_config(args.config_file, args.mode, overrides)

        from open_seq2seq.modes import RunOptions, run_mode

        options = {name: value for name, value in vars(args).items() if name in RunOptions._fields}
        options["clips"] = tuple(args.clips)
        return run_mode(config, RunOptions(**options), reporter)
