"""What may be said of a trained run where its config is not named: its checkpoint has the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from open_seq2seq.components import Params, PathText
from open_seq2seq.config.problems import find_problems, suggestion
from open_seq2seq.config.typed_text import read_fields
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.errors import UserError, counted, listed


class TrainedRun(Params):
    """A run by its logdir."""

    logdir: PathText = Field(description="Logdir of the run, or one of its checkpoints.")
    restore_best_checkpoint: bool = Field(
        default=True, description="Whether to use the best checkpoint rather than the last."
    )
    batch_size_per_gpu: int = Field(default=64, gt=0, description="Clips in a batch.")
    data_layer_params: Reading = Field(
        default=Reading(), description="How audio files are read; see Reading."
    )


def load_trained_run(overrides: dict[str, Any], flags: Iterable[str] = ()) -> TrainedRun:
    """Return the run that a command line names without a config.

    Args:
        overrides: parameters by their paths, such as ``data_layer_params/on_bad_audio``.
        flags: of the mode, one of which an unknown parameter may be meant for.

    Raises:
        UserError: a parameter is unknown here, or wrong; the message lists all problems.
    """
    values: dict[str, Any] = {}
    for path, value in overrides.items():
        group, _, key = path.rpartition("/")
        (values.setdefault(group, {}) if group else values)[key] = value
    values = read_fields(
        values, {name: f.annotation for name, f in TrainedRun.model_fields.items()}
    )
    if "logdir" not in values:
        raise UserError("name a run with --logdir, or its config with --config_file")
    problems = [p.removeprefix(": ") for p in find_problems(TrainedRun, values, "")]
    unknown = {f"unknown parameter {name!r}": name for name in values}
    problems = [p + suggestion(unknown[p], flags) if p in unknown else p for p in problems]
    if problems:
        raise UserError(
            f"{counted(len(problems), 'problem')} in the parameters; without --config_file there "
            f"are logdir and few others:{listed(problems)}"
        )
    return TrainedRun(**values)
