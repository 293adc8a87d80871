"""Writer of config files for imported MatchboxNets, formatted like handwritten ones."""

from __future__ import annotations

import re
from typing import Any

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, LABELS
from open_seq2seq.importing.nemo_model import NemoModel

_LINE_LENGTH = 120
_TEMPLATE = '''"""{title}, imported from NeMo.

    open-seq2seq --config_file=THIS_FILE --mode=infer CLIP.wav
    open-seq2seq --config_file=THIS_FILE --mode=train_eval --load_model=THIS_FOLDER --logdir=DIR

Optimizer and learning rate are those of MatchboxNet's published recipe, from its first step on.
"""

from pathlib import Path

from open_seq2seq.data import SpeechCommandsDataLayer
from open_seq2seq.decoders import PooledDecoder
from open_seq2seq.encoders import TDNNEncoder
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.models import Image2Label

HERE = Path(__file__).resolve().parent

dataset_version = {version}
dataset_location = "data/speech_commands"  # manifests with their labels in the order of labels.txt

base_model = Image2Label

base_params = {{
    "dataset_version": dataset_version,
    "dataset_location": dataset_location,
    "logdir": str(HERE),
    "random_seed": 0,
    "num_epochs": 200,
    "batch_size_per_gpu": 128,
    "dtype": "float32",
    "optimizer": "NovoGrad",
    "optimizer_params": {{"beta1": 0.95, "beta2": 0.5, "weight_decay": 0.001}},
    "lr_policy": "warmup_hold_decay",
    "lr_policy_params": {{
        "learning_rate": 0.05,
        "min_lr": 0.001,
        "warmup_ratio": 0.05,
        "hold_ratio": 0.45,
        "power": 2.0,
    }},
    "initializer": "xavier_initializer",
    "encoder": TDNNEncoder,
    "encoder_params": {encoder_params},
    "decoder": PooledDecoder,
    "decoder_params": {decoder_params},
    "loss": CrossEntropyLoss,
    "data_layer": SpeechCommandsDataLayer,
    "data_layer_params": {data_layer_params},
}}

train_params = {{
    "data_layer_params": {train_data_params},
}}

eval_params = {{
    "data_layer_params": {{"dataset_files": ["{{dataset_location}}/{{dataset_version}}-val.csv"]}},
}}

test_params = {{
    "data_layer_params": {{"dataset_files": ["{{dataset_location}}/{{dataset_version}}-test.csv"]}},
}}

infer_params = {{}}
'''


def write_config(model: NemoModel, archive_name: str) -> str:
    """Return the text of a config file beside ``labels.txt`` and ``checkpoints/``.

    From the archive it has only numbers, and its name without characters that are unsafe in Python
    code.
    """
    train_data = {
        "dataset_files": ["{dataset_location}/{dataset_version}-train.csv"],
        "augment_data": True,
        "shuffle": True,
        **model.train_data_params,
    }
    data_layer = _literal(model.data_layer_params, 1)
    # the only value that is not a literal
    data_layer = data_layer.replace(
        "{\n", '{\n        "labels_file": str(HERE / "labels.txt"),\n', 1
    )
    return _TEMPLATE.format(
        title=re.sub(r"[^\w .()-]", "_", archive_name, flags=re.ASCII),
        version=_literal(guess_version(model.labels), 0),
        encoder_params=_literal(model.encoder_params, 1),
        decoder_params=_literal(model.decoder_params, 1),
        data_layer_params=data_layer,
        train_data_params=_literal(train_data, 1),
    )


def guess_version(labels: tuple[str, ...]) -> str:
    """Return the latest dataset version with these labels in any order, or else "keywords"."""
    versions = [version for version, known in LABELS.items() if set(known) == set(labels)]
    return [CUSTOM_VERSION, *versions][-1]


def _literal(value: Any, depth: int) -> str:
    """Return a value as Python code in ruff's format; a layer is one line if it fits."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        entries = [
            f"{_literal(key, 0)}: {_literal(inner, depth + 1)}" for key, inner in value.items()
        ]
        in_one_line = "{" + ", ".join(entries) + "}"
        is_layer = depth > 2 or len(entries) == 1
        fits = "\n" not in in_one_line and 4 * depth + len(in_one_line + ",") <= _LINE_LENGTH
        if is_layer and fits:
            return in_one_line
        return _lines("{", entries, "}", depth)
    if isinstance(value, list):
        items = [_literal(item, depth + 1) for item in value]
        if any(isinstance(item, dict) for item in value):
            return _lines("[", items, "]", depth)
        return "[" + ", ".join(items) + "]"
    return repr(value)


def _lines(opening: str, parts: list[str], closing: str, depth: int) -> str:
    margin = "    " * depth
    return "\n".join([opening, *(f"{margin}    {part}," for part in parts), margin + closing])
