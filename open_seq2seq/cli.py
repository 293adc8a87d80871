"""The command ``open-seq2seq``: its flags, and any parameter of the config as ``--a/b=value``."""

from __future__ import annotations

import argparse
import difflib
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from open_seq2seq.config.overrides import parse_arguments, parse_values
from open_seq2seq.system.help_text import HelpFormatter
from open_seq2seq.system.paths import user_path
from open_seq2seq.system.terminal import logging_to, run_command, say

if TYPE_CHECKING:
    from open_seq2seq.components import Params
    from open_seq2seq.config import Config
    from open_seq2seq.config.trained_run import TrainedRun

MODES = (
    *("show_data", "train", "eval", "train_eval", "report"),
    *("infer", "export", "stream", "detect", "try"),
)
# of modes that have some: name among the options, module and class; imported when they are read
_MODE_PARAMS = {
    "infer": ("inference", "open_seq2seq.inference.params", "InferenceParams"),
    "export": ("export", "open_seq2seq.config.export_params", "ExportParams"),
    "stream": ("stream", "open_seq2seq.config.stream_params", "StreamParams"),
    "detect": ("detect", "open_seq2seq.config.detect_params", "DetectParams"),
    "try": ("page", "open_seq2seq.config.page_params", "PageParams"),
    "show_data": ("show", "open_seq2seq.config.show_params", "ShowParams"),
}
_NEED_NO_CONFIG = ("report", "infer", "export", "stream", "detect", "try")  # the logdir is enough


def make_parser(*, for_help: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command's own flags.

    Args:
        for_help: whether it has the flags of single modes too, which are read as parameters.
    """
    parser = argparse.ArgumentParser(
        prog="open-seq2seq",
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description="Train, evaluate and use speech-command models.",
        epilog="Every parameter of the config can be changed here: --batch_size_per_gpu=16, "
        "--encoder_params/resnet_size=18, --dataset_version=v2, "
        "--eval_params/data_layer_params/cache_data=False. docs/config_reference.md lists them. "
        "Where a model was calibrated, detector.json has its defaults for listening.",
    )
    parser.add_argument(
        "--config_file",
        metavar="CONFIG",
        help="Python file with base_model and base_params, or the name of a shipped config, such "
        "as speech_commands/resnet50; report, infer, export, stream, detect and try need none, "
        "only --logdir",
    )
    parser.add_argument(
        "--list_configs", action="store_true", help="list the shipped configs and exit"
    )
    parser.add_argument(
        "--mode",
        default="train",
        choices=MODES,
        metavar="MODE",
        help=f"what to do: {', '.join(MODES)} (default: train)",
    )
    parser.add_argument(
        "--continue_learning",
        action="store_true",
        help="resume from the newest checkpoint in logdir",
    )
    parser.add_argument(
        "--no_dir_check",
        action="store_true",
        help="resume if logdir has a checkpoint, start if not, whatever else is in it",
    )
    parser.add_argument(
        "--infer_output_file",
        type=user_path,
        metavar="FILE",
        help="where --mode=infer writes its predictions: JSON lines if it ends in .jsonl, .ndjson "
        "or .json, else CSV",
    )
    parser.add_argument(
        "--save_events",
        type=user_path,
        metavar="FILE",
        help="where --mode=stream writes its events, as JSON lines",
    )
    parser.add_argument(
        "--benchmark", action="store_true", help="time training steps; nothing is written"
    )
    parser.add_argument(
        "--bench_steps", type=int, default=20, help="steps of the benchmark in all (default: 20)"
    )
    parser.add_argument(
        "--bench_start",
        type=int,
        default=10,
        help="the first of them, for warm-up, which are not timed (default: 10)",
    )
    parser.add_argument(
        "--enable_logs", action="store_true", help="log command, versions and parameters too"
    )
    parser.add_argument(
        "--use_xla_jit",
        nargs="?",
        const="True",
        metavar="BOOL",
        help="compile forward and backward pass with XLA",
    )
    parser.add_argument(
        "--download",
        nargs="?",
        const="True",
        metavar="BOOL",
        help="fetch what is needed and not here",
    )
    parser.add_argument(
        "clips",
        nargs="*",
        metavar="CLIP",
        help="audio files, folders of them or manifests, for --mode=infer and stream; - is "
        "standard input; for stream also microphone; for --mode=detect corpora, folders of "
        "recordings or single ones, also as NAME=FOLDER; for --mode=show_data clips of "
        "the training manifest",
    )
    if for_help:
        from open_seq2seq.config.flag_help import add_flags

        for mode, (_, module, cls) in _MODE_PARAMS.items():
            add_flags(parser, module, cls, f"--mode={_with_its_flags(mode)}: ")
    return parser


def _with_its_flags(mode: str) -> str:
    """Return the modes that have a mode's flags."""
    return "stream, detect and try" if mode == "stream" else mode


def _mistyped(overrides: dict[str, str], *names: str) -> str:
    """Return which parameter may have been meant as one of these flags, or nothing."""
    for name in names:
        for close in difflib.get_close_matches(name, overrides, n=1):
            return f"; --{close} is no flag, did you mean --{name}?"
    return ""


def parse(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """Return the command's own flags, and the parameters of the config as text."""
    parser = make_parser(for_help=bool({"-h", "--help"} & set(arguments)))
    flags, overrides = parse_arguments(parser, arguments)
    if flags.config_file is None and not flags.list_configs:
        if flags.mode not in _NEED_NO_CONFIG:
            parser.error(
                "--config_file is required; --list_configs lists the shipped ones"
                + _mistyped(overrides, "config_file")
            )
        if "logdir" not in overrides:
            parser.error(
                "name a trained run with --logdir, or its config with --config_file"
                + _mistyped(overrides, "logdir", "config_file")
            )
    if overrides.get("logdir") == "":
        parser.error("--logdir: no name; '.' is the current folder")
    if flags.clips and flags.mode not in ("infer", "stream", "detect", "show_data"):
        parser.error(
            f"{flags.clips[0]}: audio files are for --mode=infer, stream, detect and show_data only"
        )
    if flags.infer_output_file is not None and flags.mode != "infer":
        parser.error("--infer_output_file is for --mode=infer only")
    if flags.save_events is not None and flags.mode != "stream":
        parser.error("--save_events is for --mode=stream only")
    for name in ("use_xla_jit", "download"):  # flags, and parameters too
        if (value := getattr(flags, name)) is not None:
            overrides[name] = value
    return flags, overrides


def main(arguments: list[str]) -> int:
    """Do what ``arguments`` say; return the exit status."""
    flags, texts = parse(arguments)
    if flags.list_configs:
        return _list_configs()

    # these take a second, which --help need not wait
    from open_seq2seq import distributed
    from open_seq2seq.storage.reporting import Reporter

    reporter = Reporter(is_chief=distributed.launched_rank() == 0)
    with logging_to(reporter):
        run, of_modes = read(flags, texts)

        from open_seq2seq.modes import RunOptions, run_mode

        options = {name: value for name, value in vars(flags).items() if name in RunOptions._fields}
        options |= {"clips": tuple(flags.clips), **of_modes}
        return run_mode(run, RunOptions(**options), reporter)


def read(
    flags: argparse.Namespace, texts: dict[str, str]
) -> tuple[Config | TrainedRun, dict[str, Params]]:
    """Return what the results of `parse` say, checked.

    Returns:
        the config, or the run where none is named, and the parameters of single modes as
        `modes.RunOptions` names them.

    Raises:
        UserError: a parameter is wrong.
    """
    from open_seq2seq.components import types_of
    from open_seq2seq.config import load_config
    from open_seq2seq.config.flags import take_flags
    from open_seq2seq.config.trained_run import load_trained_run

    texts = dict(texts)
    # the mode's own first: two modes may have a flag of one name
    modes = sorted(_MODE_PARAMS.items(), key=lambda each: each[0] != flags.mode)
    of_modes = {
        name: take_flags(
            texts,
            getattr(import_module(module), cls),
            modes=_with_its_flags(mode),
            is_its_mode=mode == flags.mode,
        )
        for mode, (name, module, cls) in modes
    }
    if flags.config_file is None:
        own = [of_modes[name] for mode, (name, _, _) in modes if mode == flags.mode]
        known = [key for params in own for key in types_of(type(params))]
        return load_trained_run(parse_values(texts), known), of_modes
    return load_config(flags.config_file, flags.mode, parse_values(texts)), of_modes


def run() -> None:
    """Run the command with this process's arguments, and exit with its status."""
    run_command(lambda: main(sys.argv[1:]))


def _list_configs() -> int:
    from open_seq2seq.config.shipped import shipped_configs

    configs = shipped_configs()
    width = max(len(config.name) for config in configs)
    for config in configs:
        say(f"{config.name:{width}}  {config.summary}")
    return 0
