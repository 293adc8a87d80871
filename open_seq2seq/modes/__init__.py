"""What each ``--mode`` does, from checked parameters to exit status."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.page_params import PageParams
from open_seq2seq.config.show_params import ShowParams
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.errors import UserError
from open_seq2seq.inference.params import InferenceParams
from open_seq2seq.storage.reporting import Reporter


class RunOptions(NamedTuple):
    """The flags of run.py that are not parameters of the config."""

    mode: str = "train"
    continue_learning: bool = False
    no_dir_check: bool = False
    benchmark: bool = False
    bench_steps: int = 20
    bench_start: int = 10
    enable_logs: bool = False
    infer_output_file: Path | None = None
    inference: InferenceParams = InferenceParams()
    export: ExportParams = ExportParams()
    page: PageParams = PageParams()
    stream: StreamParams = StreamParams()
    detect: DetectParams = DetectParams()
    show: ShowParams = ShowParams()
    save_events: Path | None = None
    clips: tuple[str, ...] = ()


def run_mode(config: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Run a mode and return the exit status.

    Args:
        config: of the run; for the modes that use a trained model, the run may be all that is
            named.
        options: the other flags.
        reporter: handler of what is logged.
    """
    if isinstance(config, Config):
        distributed.check(config.params.use_horovod, config.params.num_gpus)
    with _naming_full_memory():
        return _function_of(options)(config, options, reporter)


@contextlib.contextmanager
def _naming_full_memory() -> Iterator[None]:
    """Say what to do where the memory of the device, or of the machine, is full.

    Raises:
        UserError: it is.
    """
    try:
        yield
    except Exception as error:
        # by its name: some modes need no TensorFlow
        if not isinstance(error, MemoryError) and type(error).__name__ != "ResourceExhaustedError":
            raise
        reason = str(error).strip().split("\n")[0] or "MemoryError"
        raise UserError(
            f"the memory is full ({reason}); take a smaller --batch_size_per_gpu, with a larger "
            "--iter_size for steps of as many clips, or in an evaluation a smaller "
            "--eval_batch_size_per_gpu; other causes are in docs/troubleshooting.md"
        ) from None


def _function_of(options: RunOptions) -> Callable[[Any, RunOptions, Reporter], int]:
    if options.benchmark:
        from open_seq2seq.modes.train import benchmark

        return benchmark
    if options.mode == "eval":
        from open_seq2seq.modes.evaluate import evaluate

        return evaluate
    if options.mode == "infer":
        from open_seq2seq.modes.infer import infer

        return infer
    if options.mode == "export":
        from open_seq2seq.modes.export import export

        return export
    if options.mode == "stream":
        from open_seq2seq.modes.stream import stream

        return stream
    if options.mode == "detect":
        from open_seq2seq.modes.detect import detect

        return detect
    if options.mode == "show_data":
        from open_seq2seq.modes.show_data import show_data

        return show_data
    if options.mode == "report":
        from open_seq2seq.modes.report import report

        return report
    if options.mode == "try":
        from open_seq2seq.modes.try_page import try_model

        return try_model
    from open_seq2seq.modes.train import train

    return train
