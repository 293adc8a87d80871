"""From a config file to checked, typed parameters.

Order: ``base_params``, then the overlay of a mode (``train_params``, ``eval_params``,
``test_params``, ``infer_params``), then the command line. Every overlay is checked, whatever the
mode, before TensorFlow is imported.
"""

from __future__ import annotations

import copy
import functools
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from open_seq2seq.components import Decoder, Encoder, Loss, Params
from open_seq2seq.config.problems import find_call_problems, find_problems, suggestion
from open_seq2seq.config.run_params import RETIRED, RETIRED_DATA, RunParams
from open_seq2seq.config.shipped import find_config_file
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError, cut, listed, shown
from open_seq2seq.layers.initializers import INITIALIZERS
from open_seq2seq.layers.regularizers import REGULARIZERS
from open_seq2seq.models.image2label import Image2Label
from open_seq2seq.optimizers.loss_scaling import LOSS_SCALINGS, ConstantScale, LossScaling
from open_seq2seq.optimizers.lr_policies import LR_POLICIES
from open_seq2seq.optimizers.optimizers import OPTIMIZERS, Optimizer

SECTIONS = ("train", "eval", "test", "infer")
_OVERLAYS = tuple(f"{section}_params" for section in SECTIONS)
_SUPPLIED_BY_RUN = ("global_step", "decay_steps", "steps_per_epoch", "total_steps")
# what replaces the parts of TensorFlow 1 that OpenSeq2Seq's configs name
_TF1_NAMES = {
    "contrib": '"regularizer": "l2_regularizer" and "initializer": "xavier_initializer" (see open_seq2seq/weights.py)',
    "variance_scaling_initializer": '"initializer": "variance_scaling_initializer"',
    **dict.fromkeys(
        ("MomentumOptimizer", "AdamOptimizer", "GradientDescentOptimizer"),
        '"optimizer": "Momentum", "Adam" or "SGD", with "optimizer_params"',
    ),
}

Overrides = dict[str, Any]  # "encoder_params/resnet_size" -> value


class Config(NamedTuple):
    """Everything a run needs to know, checked."""

    params: RunParams
    model: type[Image2Label]
    encoder: Encoder
    decoder: Decoder
    loss: Loss
    optimizer: Optimizer
    loss_scaling: LossScaling
    lr_policy: Callable[
        ..., float
    ]  # takes global_step, and what `_SUPPLIED_BY_RUN` names if it has it
    regularizer: Any  # a function without arguments that makes one, or None
    initializer: Any  # the same
    data_layers: dict[str, SpeechCommandsDataLayer]  # by section; only those that the config has


def load_config(path: str, mode: str, overrides: Overrides) -> Config:
    """Load, overlay and check a config.

    Args:
        path: Python file with ``base_model``, ``base_params`` and overlays.
        mode: train, eval, train_eval or infer; says which overlay the run's own parameters come
            from.
        overrides: from the command line; a key may begin with ``eval_params/`` to change that
            overlay only.

    Raises:
        UserError: the file cannot be run, or any parameter is wrong; the message lists all
            problems.
    """
    names = _run(path)
    section = {"train_eval": "train"}.get(mode, mode)
    wanted = [
        "train",
        "eval",
        section,
        *(name for name in SECTIONS if _has_overlay(names, overrides, name)),
    ]
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
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)} in the config"
        raise UserError(f"{path}: {count}:{listed(problems)}")
    return _build(names["base_model"], merged, section)


def _has_overlay(names: dict[str, Any], overrides: Overrides, section: str) -> bool:
    return f"{section}_params" in names or any(
        key.startswith(f"{section}_params/") for key in overrides
    )


def nested_update(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``overlay`` laid over it, dictionary by dictionary."""
    merged = dict(base)
    for key, value in overlay.items():
        both_are_dicts = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = nested_update(merged[key], value) if both_are_dicts else copy.copy(value)
    return merged


def _run(path: str) -> dict[str, Any]:
    """Run a config file and return its names. A config is Python code: run only those you trust."""
    path = find_config_file(path)
    root = str(
        Path(__file__).parents[2]
    )  # so that configs can import each other by example_configs....
    sys.path.insert(0, root)
    try:
        names = runpy.run_path(path)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path}{_where(error, path)}: {_what(error)}") from None
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
        if (
            name.endswith("_params")
            and name not in (*_OVERLAYS, "base_params")
            and suggestion(name, _OVERLAYS)
        ):
            raise UserError(f"{path}: unknown overlay {name!r}{suggestion(name, _OVERLAYS)}")
    return names


def _where(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f", line {error.lineno}" + (
            f" of {error.filename}" if error.filename != path else ""
        )
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    return f", line {lines[-1]}" if lines else ""


def _what(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return cut(f"{error.msg}: {(error.text or '').strip()}")
    if isinstance(error, AttributeError) and error.name in _TF1_NAMES:
        return f"TensorFlow 2 has no tf.{error.name}; say {_TF1_NAMES[error.name]}"
    return cut(traceback.format_exception_only(error)[-1].strip())  # also where str(error) fails


def _merge(names: dict[str, Any], section: str, overrides: Overrides) -> dict[str, Any]:
    """Lay one section's overlay and the command line over the base, and fill in the {placeholders}."""
    merged = nested_update(names["base_params"], names.get(f"{section}_params", {}))
    version_before = merged.get("dataset_version")
    for key, value in overrides.items():
        first, _, rest = key.partition("/")
        if not rest or first not in _OVERLAYS:
            merged = nested_update(merged, _nest(key, value))
        elif first == f"{section}_params":
            merged = nested_update(merged, _nest(rest, value))
    if merged.get("dataset_version") != version_before and "{dataset_version}" not in repr(merged):
        raise UserError(
            "--dataset_version: this config names its files without {dataset_version}; edit the config, or write "
            "{dataset_version} where the version stands in its paths"
        )
    places = {
        key: merged[key]
        for key in ("dataset_location", "dataset_version")
        if isinstance(merged.get(key), str)
    }
    return _fill(merged, places)


def _nest(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split("/")):
        value = {part: value}
    return value


def _fill(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in places.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _fill(inner, places) for key, inner in value.items()}
    return [_fill(inner, places) for inner in value] if isinstance(value, list) else value


def _find_problems(values: dict[str, Any]) -> list[str]:
    problems = find_problems(RunParams, values, "base_params", RETIRED)
    problems = [problem.replace("base_params/", "") for problem in problems]
    for part in ("encoder", "decoder", "loss", "data_layer"):
        cls, params = values.get(part), values.get(f"{part}_params", {})
        if isinstance(cls, type) and issubclass(cls, Params) and isinstance(params, dict):
            problems += find_problems(
                cls, params, f"{part}_params", RETIRED_DATA if part == "data_layer" else None
            )
    for part, classes in (("optimizer", OPTIMIZERS), ("loss_scaling", LOSS_SCALINGS)):
        params = values.get(f"{part}_params", {})
        name = values.get(part, RunParams.model_fields[part].default)
        if isinstance(name, str) and name in classes and isinstance(params, dict):
            problems += find_problems(classes[name], params, f"{part}_params")
    for part, functions, supplied in (
        ("lr_policy", LR_POLICIES, _SUPPLIED_BY_RUN),
        ("regularizer", REGULARIZERS, ()),
        ("initializer", INITIALIZERS, ()),
    ):
        function = values.get(part, RunParams.model_fields[part].default)
        params = values.get(f"{part}_params", {})
        if isinstance(function, str) and function not in functions:
            problems.append(
                f"{part}: expected one of {', '.join(map(repr, functions))}, got {shown(function)}"
            )
        elif function is not None and isinstance(params, dict):
            function = functions[function] if isinstance(function, str) else function
            if callable(function):
                problems += find_call_problems(function, params, supplied, f"{part}_params")
    return problems


def _build(model: type[Image2Label], merged: dict[str, dict[str, Any]], section: str) -> Config:
    params = RunParams(**merged[section])
    scaling: LossScaling = (
        ConstantScale(scale=params.loss_scaling)
        if not isinstance(params.loss_scaling, str)
        else (LOSS_SCALINGS[params.loss_scaling](**params.loss_scaling_params))
    )
    return Config(
        params=params,
        model=model,
        encoder=params.encoder(**params.encoder_params),
        decoder=params.decoder(**params.decoder_params),
        loss=params.loss(**params.loss_params),
        optimizer=OPTIMIZERS[params.optimizer](**params.optimizer_params),
        loss_scaling=scaling,
        lr_policy=functools.partial(
            _named(params.lr_policy, LR_POLICIES), **params.lr_policy_params
        ),
        regularizer=_maker(params.regularizer, REGULARIZERS, params.regularizer_params),
        initializer=_maker(params.initializer, INITIALIZERS, params.initializer_params),
        data_layers={
            name: values["data_layer"](**values.get("data_layer_params", {}))
            for name, values in merged.items()
        },
    )


def _named(function: Any, functions: dict[str, Callable]) -> Callable:
    return functions[function] if isinstance(function, str) else function


def _maker(function: Any, functions: dict[str, Callable], params: dict[str, Any]) -> Any:
    return None if function is None else functools.partial(_named(function, functions), **params)
