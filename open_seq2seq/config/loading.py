"""From a config file to checked, typed parameters.

Order: ``base_params``, then the overlay of a mode (``train_params``, ``eval_params``,
``test_params``, ``infer_params``), then the command line. Every overlay is checked, whatever the
mode, before TensorFlow is imported.
"""

from __future__ import annotations

import copy
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from open_seq2seq.components import Decoder, Encoder, Loss
from open_seq2seq.config import neighbours
from open_seq2seq.config.problems import find_problems, suggestion
from open_seq2seq.config.run_params import RETIRED, RunParams
from open_seq2seq.config.shipped import find_config_file
from open_seq2seq.config.slots import SLOTS, Slot
from open_seq2seq.config.typed_text import read_texts
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError, counted, cut, listed, shown
from open_seq2seq.models.image2label import Image2Label
from open_seq2seq.optimizers.loss_scaling import LossScaling
from open_seq2seq.optimizers.optimizers import Optimizer

SECTIONS = ("train", "eval", "test", "infer")
_OVERLAYS = tuple(f"{section}_params" for section in SECTIONS)
# what replaces the parts of TensorFlow 1 that OpenSeq2Seq's configs name
_TF1_NAMES = {
    "contrib": '"regularizer": "l2_regularizer" and "initializer": "xavier_initializer" (see '
    "open_seq2seq/weights.py)",
    "variance_scaling_initializer": '"initializer": "variance_scaling_initializer"',
    **dict.fromkeys(
        ("MomentumOptimizer", "AdamOptimizer", "GradientDescentOptimizer"),
        '"optimizer": "Momentum", "Adam" or "SGD", with "optimizer_params"',
    ),
}

Overrides = dict[str, Any]  # "encoder_params/resnet_size" -> value


class Config(NamedTuple):
    """Everything a run needs to know, checked: its parameters, and the part of each slot."""

    params: RunParams
    model: type[Image2Label]
    encoder: Encoder
    decoder: Decoder
    loss: Loss
    optimizer: Optimizer
    loss_scaling: LossScaling
    lr_policy: Callable[..., float]  # takes global_step, and lengths of the run if it has them
    regularizer: Any  # a function without arguments that makes one, or None
    initializer: Any  # a function without arguments that makes one, or None
    data_layers: dict[str, SpeechCommandsDataLayer]  # by section; only those that the config has
    file: str = ""  # that it was read from


def load_config(path: str, mode: str, overrides: Overrides) -> Config:
    """Load, overlay and check a config.

    Args:
        path: Python file with ``base_model``, ``base_params`` and overlays.
        mode: of the command; says which overlay the run's own
            parameters come from.
        overrides: from the command line; a key may begin with ``eval_params/`` to change that
            overlay only. A `TypedText` is read as the type of its parameter, others are values.

    Raises:
        UserError: the file cannot be run, or any parameter is wrong; the message lists all
            problems.
    """
    file = find_config_file(path)
    names = _run(file)
    section = {"train_eval": "train", "export": "infer", "stream": "infer"}.get(mode, mode)
    overlaid = [name for name in SECTIONS if _has_overlay(names, overrides, name)]
    wanted = ["train", "eval", section, *overlaid]
    try:
        merged = {name: _merge(names, name, overrides) for name in dict.fromkeys(wanted)}
    except RecursionError:
        raise UserError(
            f"{path}: base_params or an overlay is a part of itself; write it as plain values"
        ) from None
    problems = list(
        dict.fromkeys(problem for values in merged.values() for problem in _find_problems(values))
    )
    if problems:
        count = counted(len(problems), "problem")
        raise UserError(f"{path}: {count} in the config:{listed(problems)}")
    return _build(names["base_model"], merged, section)._replace(file=file)


def _has_overlay(names: dict[str, Any], overrides: Overrides, section: str) -> bool:
    return f"{section}_params" in names or any(
        key.startswith(f"{section}_params/") for key in overrides
    )


def nested_update(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``overlay`` laid over it, dictionary by dictionary."""
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = nested_update(merged[key], value)
        else:
            merged[key] = copy.copy(value)
    return merged


def _run(path: str) -> dict[str, Any]:
    """Run a config file and return its names. A config is Python code: run only those you trust."""
    folder = Path(path).resolve().parent
    root = str(Path(__file__).parents[2])
    sys.path.insert(0, root)  # so that configs can import each other by example_configs....
    try:
        with neighbours.importable(folder):
            names = runpy.run_path(path)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path}{_where(error, path, folder)}: {_what(error, folder)}") from None
    finally:
        sys.path.remove(root)
    for name, kind, word in (("base_params", dict, "dict"), ("base_model", type, "class")):
        if not isinstance(names.get(name), kind):
            raise UserError(f"{path}: expected a {word} named {name}, got {shown(names.get(name))}")
    for name in _OVERLAYS:
        if not isinstance(names.get(name, {}), dict):
            raise UserError(f"{path}: {name}: expected a dict, got {shown(names[name])}")
    if names["base_model"] is not Image2Label:
        raise UserError(
            f"{path}: base_model: expected Image2Label, got {shown(names['base_model'])}"
        )
    for name in names:
        is_other = name.endswith("_params") and name not in (*_OVERLAYS, "base_params")
        if is_other and suggestion(name, _OVERLAYS):
            raise UserError(f"{path}: unknown overlay {name!r}{suggestion(name, _OVERLAYS)}")
    return names


def _where(error: BaseException, path: str, folder: Path) -> str:
    """Return the line of the config that an error comes from, or nothing where that is unknown.

    For an error in a module beside the config, its line comes too.
    """
    if isinstance(error, SyntaxError) and error.lineno is not None:
        if error.filename == path:
            return f", line {error.lineno}"
        return f", line {error.lineno} of {error.filename}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    if not lines:
        return ""
    where = f", line {lines[-1]}"
    beside = [frame for frame in frames if folder in Path(frame.filename).parents]
    if beside and beside[-1].filename != path:
        where += f" (line {beside[-1].lineno} of {beside[-1].filename})"
    return where


def _what(error: BaseException, folder: Path) -> str:
    if isinstance(error, SyntaxError):
        return cut(f"{error.msg}: {(error.text or '').strip()}")
    if isinstance(error, AttributeError) and error.name in _TF1_NAMES:
        return f"TensorFlow 2 has no tf.{error.name}; say {_TF1_NAMES[error.name]}"
    text = cut(traceback.format_exception_only(error)[-1].strip())  # also where str(error) fails
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        beside = [file.stem for file in folder.glob("*.py")]
        text += f", neither beside the config, in {folder}, nor among the installed packages"
        text += suggestion(error.name, beside)
    return text


def _merge(names: dict[str, Any], section: str, overrides: Overrides) -> dict[str, Any]:
    """Lay one section's overlay and the command line over the base; fill in {placeholders}."""
    merged = nested_update(names["base_params"], names.get(f"{section}_params", {}))
    config_version = merged.get("dataset_version")
    for key, value in overrides.items():
        first, _, rest = key.partition("/")
        if not rest or first not in _OVERLAYS:
            merged = nested_update(merged, _nest(key, value))
        elif first == f"{section}_params":
            merged = nested_update(merged, _nest(rest, value))
    merged = read_texts(merged)
    said = [overrides, *(names.get(name) for name in ("base_params", *_OVERLAYS))]
    if merged.get("dataset_version") != config_version and "{dataset_version}" not in repr(said):
        raise UserError(
            "--dataset_version: this config names its files without {dataset_version}; edit the "
            "config, or write {dataset_version} where the version is in its paths"
        )
    texts = {
        key: merged[key]
        for key in ("dataset_location", "dataset_version")
        if isinstance(merged.get(key), str)
    }
    return _fill(merged, texts)


def _nest(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split("/")):
        value = {part: value}
    return value


def _fill(value: Any, texts: dict[str, str]) -> Any:
    """Return ``value`` with each {key} of ``texts`` replaced in all strings within it."""
    if isinstance(value, str):
        for key, text in texts.items():
            value = value.replace(f"{{{key}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _fill(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, texts) for inner in value]
    return value


def _find_problems(values: dict[str, Any]) -> list[str]:
    problems = find_problems(RunParams, values, "base_params", RETIRED)
    problems = [problem.removeprefix("base_params/") for problem in problems]
    for slot in SLOTS.values():
        value = values.get(slot.key, RunParams.model_fields[slot.key].default)
        problems += slot.find_problems(value, values.get(slot.params_key, {}))
    return problems


def _build(model: type[Image2Label], merged: dict[str, dict[str, Any]], section: str) -> Config:
    by_section = {name: RunParams(**values) for name, values in merged.items()}
    params = by_section[section]
    parts: dict[str, Any] = {}
    for slot in SLOTS.values():
        if slot.per_section:
            parts[f"{slot.key}s"] = {
                name: _build_part(slot, others) for name, others in by_section.items()
            }
        else:
            parts[slot.key] = _build_part(slot, params)
    parts["loss"] = parts["loss"].for_outputs(parts["decoder"].outputs)
    return Config(params=params, model=model, **parts)


def _build_part(slot: Slot, params: RunParams) -> Any:
    return slot.build(getattr(params, slot.key), getattr(params, slot.params_key))
