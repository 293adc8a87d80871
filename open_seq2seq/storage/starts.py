"""Records of a run's starts: command, config, versions and data, to tell and to repeat what it was.

``starts.jsonl`` has a line for each start of a run, so that of a continued one nothing is lost.
"""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field

from open_seq2seq.components import Params, Text
from open_seq2seq.config import Config
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.storage.run_files import RunFiles
from open_seq2seq.system.cores import n_cores
from open_seq2seq.system.files import sha256_of

FILE = "starts.jsonl"
_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "librosa", "soundfile", "horovod")


class RunStart(Params):
    """One start of a run."""

    started: str = Field(description="Local time.")
    command: list[Text] = Field(description="Command and its arguments.")
    config_file: Text = Field(description="Path of the config.")
    config_text: Text = Field(description="Content of the config.")
    parameters: dict[Text, Any] = Field(description="Every parameter, by the key that sets it.")
    versions: dict[str, str] = Field(description="Versions of the packages.")
    commit: str = Field(description="Git commit of the checkout, with + if it was changed, or ''.")
    machine: Text = Field(description="Processor, number of cores, and operating system.")
    n_processes: int = Field(gt=0, description="Processes that train one model.")
    step: int = Field(ge=0, description="Steps that were already taken.")
    n_parameters: int = Field(ge=0, description="Trainable parameters of the network.")
    multiply_adds: int = Field(ge=0, description="Multiply-adds of one clip in the network.")
    manifests: dict[str, dict[Text, str]] = Field(
        description="SHA-256 of each manifest by its path, by section of the config."
    )
    n_clips: dict[str, dict[Text, int]] = Field(
        description="Clips of each label, by section of the config."
    )


def record_start(
    files: RunFiles,
    config: Config,
    datasets: Mapping[str, Dataset],
    *,
    version: str,
    **facts: int,
) -> None:
    """Append a start to the run's record; a warning says where it cannot be written.

    Args:
        files: of the run.
        config: of the run.
        datasets: by section.
        version: of this package.
        facts: n_processes, step, n_parameters and multiply_adds, as `RunStart` has them.
    """
    start = RunStart(
        started=time.strftime("%Y-%m-%d %H:%M:%S"),
        command=list(sys.argv),
        config_file=config.file,
        config_text=_content(config.file),
        parameters=parameters_of(config),
        versions={"open_seq2seq": version, **_versions()},
        commit=commit(),
        machine=f"{_processor()}, {n_cores()} cores, {platform.platform(terse=True)}",
        manifests={
            section: digests_of(layer.manifest_paths())
            for section, layer in config.data_layers.items()
            if section in datasets
        },
        n_clips={
            section: dict(Counter(dataset.describe(0)["label"]))
            for section, dataset in datasets.items()
        },
        **facts,
    )
    files.append(FILE, json.dumps(start.model_dump()))


def load_starts(logdir: Path) -> list[RunStart]:
    """Return the starts of a run, the first one first; lines that cannot be read are left out."""
    starts = []
    try:
        lines = (logdir / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    for line in lines:
        try:
            starts.append(RunStart(**json.loads(line)))
        except (ValueError, TypeError, pydantic.ValidationError):
            continue
    return starts


def parameters_of(config: Config) -> dict[str, Any]:
    """Return every parameter of a config in JSON's types, by the key that sets it.

    Of the parameters of evaluation those are there that differ from training's.
    """
    parts = {
        "encoder": config.encoder,
        "decoder": config.decoder,
        "loss": config.loss,
        "optimizer": config.optimizer,
        "loss_scaling": config.loss_scaling,
    }
    shown: dict[str, Any] = {}
    for key, value in config.params:
        part = parts.get(key.removesuffix("_params"))
        if key == "data_layer_params" or (part is not None and key not in parts):
            continue  # below, with its defaults
        shown |= _flat(key, value)
    for key, part in parts.items():
        shown |= _flat(f"{key}_params", dict(part))
    layers = {name: _flat("data_layer_params", dict(it)) for name, it in config.data_layers.items()}
    training = layers.get("train", {})
    shown |= training
    for section, values in layers.items():
        if section != "train":
            shown |= {
                f"{section}_params/{key}": value
                for key, value in values.items()
                if key not in training or training[key] != value
            }
    return shown


def _flat(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Params):
        value = dict(value)
    if isinstance(value, dict) and value:
        parts = (_flat(f"{key}/{name}", inner) for name, inner in value.items())
        return {name: inner for part in parts for name, inner in part.items()}
    return {key: _plain(value)}


def _plain(value: Any) -> Any:
    """Return a value in JSON's types; classes and functions by their names."""
    if isinstance(value, Params):
        value = dict(value)
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, "__name__", None) or str(value)


def commit() -> str:
    """Return the commit of the checkout, with + if files were changed; "" outside of one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    revision, changed = (
        subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, cwd=root
        ).stdout.strip()
        for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
    )
    return f"{revision}+" if changed else revision


def digests_of(paths: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of each file, "" of one that cannot be read any more."""
    digests = dict.fromkeys(paths, "")
    for path in paths:
        with contextlib.suppress(OSError):
            digests[path] = sha256_of(Path(path))
    return digests


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="backslashreplace")
    except OSError:
        return ""


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model n"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
