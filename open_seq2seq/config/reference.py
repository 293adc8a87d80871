"""The reference of all parameters, made from the classes that check them.

python -m open_seq2seq.config.reference docs/config_reference.md
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pydantic
from annotated_types import Ge, Gt, Le, Lt

from open_seq2seq import data, decoders, encoders, losses
from open_seq2seq.components import Params
from open_seq2seq.config.early_stopping import EarlyStopping
from open_seq2seq.config.problems import type_name
from open_seq2seq.config.run_params import RETIRED, RunParams
from open_seq2seq.data.dataset_versions import DATASET_VERSIONS
from open_seq2seq.layers.initializers import INITIALIZERS
from open_seq2seq.layers.regularizers import REGULARIZERS
from open_seq2seq.optimizers import lr_policies
from open_seq2seq.optimizers.larc import LARC
from open_seq2seq.optimizers.loss_scaling import LOSS_SCALINGS, ConstantScale
from open_seq2seq.optimizers.optimizers import OPTIMIZERS

_INTRODUCTION = """\
# Config reference

Made from the parameter classes by `make docs`; do not edit it.

A config file is Python with `base_model`, `base_params` and the overlays `train_params`, `eval_params`, `test_params`
and `infer_params`, each of which may be left out. A value comes from `base_params`, then from the overlay, then from
the command line: `--batch_size_per_gpu=16`, `--encoder_params/resnet_size=18`, and, for one overlay only,
`--eval_params/data_layer_params/cache_data=False`. Values on the command line are Python literals, or else text.

The run's own parameters come from the overlay of the mode: `train_params` for `train` and `train_eval`, `eval_params`
for `eval`, `infer_params` for `infer`. From the other overlays only `data_layer` and `data_layer_params` are used.

The tables say *required* where there is no default. An int is accepted for a float; nothing else is converted.
"""
_VERSIONS = (
    f"`dataset_version` is one of {', '.join(f'`{version}`' for version in DATASET_VERSIONS)}.\n"
)
_FUNCTION = "A config names one of these functions as a string or by import; another function with the same use works too.\n"


def parameter_classes() -> dict[str, list[type[Params]]]:
    """Return the parameter classes that a config can name, by the key whose ``..._params`` they
    check.
    """
    return {
        "data_layer": _exported(data),
        "encoder": _exported(encoders),
        "decoder": _exported(decoders),
        "loss": _exported(losses),
        "optimizer": list(OPTIMIZERS.values()),
        "loss_scaling": [ConstantScale, *LOSS_SCALINGS.values()],
    }


def reference() -> str:
    """Return the reference as Markdown."""
    parts = [_INTRODUCTION, "## Run parameters: base_params\n", _VERSIONS, _fields_table(RunParams)]
    for key, classes in parameter_classes().items():
        parts.append(f"## `{key}` and `{key}_params`\n")
        if key == "loss_scaling":
            parts.append(
                "A number stands for `ConstantScale` with that scale; the others are named by their class.\n"
            )
        for cls in classes:
            parts += [f"### {cls.__name__}\n", f"{_text(cls)}\n", _fields_table(cls)]
    parts += ["## `lr_policy` and `lr_policy_params`\n", _FUNCTION, f"{_text(lr_policies)}\n"]
    parts += map(_signature, lr_policies.LR_POLICIES.values())
    for key, cls in (("larc_params", LARC), ("early_stopping_params", EarlyStopping)):
        parts += [f"## `{key}`: {cls.__name__}\n", f"{_text(cls)}\n", _fields_table(cls)]
    for key, functions in (("regularizer", REGULARIZERS), ("initializer", INITIALIZERS)):
        parts += [f"## `{key}` and `{key}_params`\n", _FUNCTION]
        parts += map(_signature, functions.values())
    parts += [
        "## Keys of OpenSeq2Seq that are refused\n",
        _table(("key", "what to do"), _retired_rows()),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the reference to a file."""
    parser = argparse.ArgumentParser(description="Write the reference of all parameters.")
    parser.add_argument("path", type=Path, help="Markdown file to write")
    path = parser.parse_args().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reference(), encoding="utf-8")


def _exported(package: Any) -> list[type[Params]]:
    """Return the classes that a package offers to configs, sorted by name."""
    return [getattr(package, name) for name in sorted(package.__all__)]


def _fields_table(cls: type[Params]) -> str:
    if not cls.model_fields:
        return "No parameters.\n"
    rows = [
        (f"`{name}`", _type(field), _default(field), _escape(field.description or ""))
        for name, field in cls.model_fields.items()
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
    value = field.default
    return f"`{float(f'{value:.7g}')!r}`" if isinstance(value, float) else f"`{value!r}`"


def _signature(function: Callable) -> str:
    """Return a section with what a config says to a function, and what the function does."""
    signature = inspect.signature(function, eval_str=True)
    arguments = [
        p for name, p in signature.parameters.items() if name != "global_step"
    ]  # the run gives that
    shown = signature.replace(parameters=arguments, return_annotation=inspect.Signature.empty)
    return f"### {function.__name__}\n\n`{function.__name__}{shown}`\n\n{_text(function)}\n"


def _text(documented: Any) -> str:
    return _escape(inspect.getdoc(documented) or "").replace("``", "`")


def _escape(text: str) -> str:
    return text.replace("<", "&lt;")  # Markdown would take <version> for a tag


def _retired_rows() -> list[tuple[str, ...]]:
    return [(f"`{key}`", advice) for key, advice in RETIRED.items()]


if __name__ == "__main__":
    main()
