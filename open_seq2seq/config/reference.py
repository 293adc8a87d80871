"""The reference of all parameters, made from the classes that check them.

python -m open_seq2seq.config.reference docs/config_reference.md
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pydantic
from annotated_types import Ge, Gt, Le, Lt

from open_seq2seq.components import Group, Params
from open_seq2seq.config.checkpoint_average import CheckpointAverage
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.config.distillation import Distillation
from open_seq2seq.config.early_stopping import EarlyStopping
from open_seq2seq.config.export_params import ExportParams
from open_seq2seq.config.page_params import PageParams
from open_seq2seq.config.problems import type_name
from open_seq2seq.config.run_params import RETIRED, RunParams
from open_seq2seq.config.show_params import ShowParams
from open_seq2seq.config.slots import SLOTS, ClassSlot, FunctionSlot, Slot
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.config.validation_tracks import ValidationTracks
from open_seq2seq.data.dataset_versions import DATASET_VERSIONS
from open_seq2seq.data.weighted_source import WeightedSource
from open_seq2seq.inference.params import InferenceParams
from open_seq2seq.optimizers.larc import LARC
from open_seq2seq.system.paths import user_path

_INTRODUCTION = """\
# Config reference

Made from the parameter classes by `make docs`; do not edit it.

A config file is Python with `base_model`, `base_params` and the overlays `train_params`,
`eval_params`, `test_params` and `infer_params`, each of which may be left out. A value comes from
`base_params`, then from the overlay, then from the command line: `--batch_size_per_gpu=16`,
`--encoder_params/resnet_size=18`, and, for one overlay only,
`--eval_params/data_layer_params/cache_data=False`. A value on the command line is a Python literal
where the parameter takes it, or else text: `--logdir=2026` is text. Paths may begin with `~`.

The run's own parameters come from the overlay of the mode: `train_params` for `train` and
`train_eval`, `eval_params` for `eval`, `infer_params` for `infer`. From the other overlays only
`data_layer` and `data_layer_params` are used.

All parameters of a class are at one level of its dictionary; the tables only group them. They say
*required* where there is no default. An int is accepted for a float; nothing else is converted.
"""
_VERSIONS = (
    f"`dataset_version` is one of {', '.join(f'`{version}`' for version in DATASET_VERSIONS)}.\n"
)
# classes that are parameters themselves
_NESTED: dict[str, type[Params]] = {
    "larc_params": LARC,
    "early_stopping_params": EarlyStopping,
    "distillation_params": Distillation,
    "validation_tracks_params": ValidationTracks,
    "average_params": CheckpointAverage,
    "data_layer_params/sources": WeightedSource,
}
# what is not in a config: flags of the modes that use a trained model
_OF_TRAINED_MODELS: dict[str, type[Params]] = {
    "Without a config: TrainedRun": TrainedRun,
    "Flags of `--mode=infer`: InferenceParams": InferenceParams,
    "Flags of `--mode=export`: ExportParams": ExportParams,
    "Flags of `--mode=show_data`: ShowParams": ShowParams,
    "Flags of `--mode=stream`: StreamParams": StreamParams,
    "Flags of `--mode=detect`: DetectParams": DetectParams,
    "Flags of `--mode=try`: PageParams": PageParams,
}


def reference() -> str:
    """Return the reference as Markdown."""
    parts = [_INTRODUCTION, "## Run parameters: base_params\n", _VERSIONS]
    parts += _tables(RunParams, level=3)
    for slot in SLOTS.values():
        parts += slot_section(slot)
    for key, cls in _NESTED.items():
        parts += [f"## `{key}`: {cls.__name__}\n", f"{_text(cls)}\n", *_tables(cls, level=3)]
    for title, params in _OF_TRAINED_MODELS.items():
        parts += [f"## {title}\n", f"{_text(params)}\n", *_tables(params, level=3)]
    parts += [
        "## Keys of OpenSeq2Seq that are refused\n",
        _table(("key", "what to do"), _retired_rows()),
    ]
    return "\n".join(parts)


def slot_section(slot: Slot) -> list[str]:
    """Return the section of a slot: its note, and each class or function that it can name."""
    parts = [f"## `{slot.key}` and `{slot.params_key}`\n"]
    if slot.note:
        parts.append(f"{_markdown(slot.note)}\n")
    for name, option in slot.options.items():
        parts.append(f"### {name}\n")
        if isinstance(slot, FunctionSlot):
            parts.append(f"`{name}{_signature(option, slot.call_arguments)}`\n")
        parts.append(f"{_text(option)}\n")
        if isinstance(slot, ClassSlot):
            parts += _tables(option, level=4)
    return parts


def parameter_classes() -> list[type[Params]]:
    """Return every class with parameters that a config can give."""
    slots = [slot for slot in SLOTS.values() if isinstance(slot, ClassSlot)]
    options = [option for slot in slots for option in slot.options.values()]
    return [RunParams, *options, *_NESTED.values()]


def groups(cls: type[Params]) -> list[type[Group]]:
    """Return the groups of parameters that a class has for bases, in their order."""
    return [base for base in cls.__mro__ if Group in base.__bases__]


def main() -> None:
    """Write the reference to a file."""
    parser = argparse.ArgumentParser(description="Write the reference of all parameters.")
    parser.add_argument("path", type=user_path, help="Markdown file to write")
    path = parser.parse_args().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reference(), encoding="utf-8")


def _tables(cls: type[Params], level: int) -> list[str]:
    """Return a table of the class's own parameters, and one of each group under a heading."""
    if not cls.model_fields:
        return ["No parameters.\n"]
    grouped = {name for group in groups(cls) for name in group.model_fields}
    own = [name for name in cls.model_fields if name not in grouped]
    parts = []
    if own:
        parts.append(_fields_table(cls, own))
    for group in groups(cls):
        parts += [
            f"{'#' * level} {group.__name__}\n",
            f"{_text(group)}\n",
            _fields_table(cls, list(group.model_fields)),
        ]
    return parts


def _fields_table(cls: type[Params], names: list[str]) -> str:
    fields = {name: cls.model_fields[name] for name in names}
    rows = [
        (f"`{name}`", _type(field), _default(field), _escape(field.description or ""))
        for name, field in fields.items()
    ]
    return _table(("name", "type", "default", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def _type(field: pydantic.fields.FieldInfo) -> str:
    """Spell a field's type and its bounds: ``float, >= 0, < 1``."""
    bounds = []
    for bound in field.metadata:
        for kind, sign, attribute in (
            (Gt, ">", "gt"),
            (Ge, ">=", "ge"),
            (Lt, "<", "lt"),
            (Le, "<=", "le"),
        ):
            if isinstance(bound, kind):
                bounds.append(f"{sign} {getattr(bound, attribute)}")
    return ", ".join([type_name(field.annotation), *bounds])


def _default(field: pydantic.fields.FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    if isinstance(field.default, float):
        return f"`{float(f'{field.default:.7g}')!r}`"
    return f"`{field.default!r}`"


def _signature(function: Callable, call_arguments: tuple[str, ...]) -> inspect.Signature:
    """Return what a config says to a function."""
    signature = inspect.signature(function, eval_str=True)
    given = [p for name, p in signature.parameters.items() if name not in call_arguments]
    return signature.replace(parameters=given, return_annotation=inspect.Signature.empty)


def _text(documented: Any) -> str:
    return _markdown(inspect.getdoc(documented) or "")


def _markdown(docstring: str) -> str:
    return _escape(docstring.strip()).replace("``", "`")


def _escape(text: str) -> str:
    return text.replace("<", "&lt;")  # Markdown would take <version> for a tag


def _retired_rows() -> list[tuple[str, ...]]:
    retired = dict(RETIRED)
    for slot in SLOTS.values():
        retired |= {f"{slot.params_key}/{key}": advice for key, advice in slot.retired.items()}
    return [(f"`{key}`", advice) for key, advice in retired.items()]


if __name__ == "__main__":
    main()
