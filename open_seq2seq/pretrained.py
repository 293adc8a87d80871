"""Trained models as objects: ``open_seq2seq.from_pretrained("result/demo").predict(["clip.wav"])``.

A name instead of a path is looked up in registry files, JSON of the form
``{"name": {"path": "runs/demo"}}``, with paths relative to the file: first those that the environment variable
OPEN_SEQ2SEQ_REGISTRY names (several with the system's path separator), then ``pretrained_models.json`` in the current
folder, then the package's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from open_seq2seq import blueprint, checkpoints, inference
from open_seq2seq.components import LayerOptions
from open_seq2seq.config import load_config
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError
from open_seq2seq.inference import Prediction
from open_seq2seq.models.image2label import Image2Label

REGISTRY_VARIABLE = "OPEN_SEQ2SEQ_REGISTRY"
_FILE_NAME = "pretrained_models.json"


class PretrainedModel:
    """A network with its front end, its labels and its weights.

    Attributes:
        labels: names of the labels, in the order of the network's outputs.
        network: the Keras model, from `structs.Batch.inputs` to logits.
        data_layer: makes features of clips.
    """

    def __init__(self, network: Any, data_layer: SpeechCommandsDataLayer, labels: tuple[str, ...]) -> None:
        self.network, self.data_layer, self.labels = network, data_layer, labels

    def predict(self, paths: Iterable[str | Path], batch_size: int = 32) -> list[Prediction]:
        """Return path, label, its probability and all probabilities of each audio file.

        Args:
            paths: files of any rate, channel count and format that libsndfile reads.
            batch_size: clips at a time.

        Raises:
            UserError: a file cannot be used.
        """
        files = [str(path) for path in paths]
        if not files:
            return []
        dataset = self.data_layer.open_clips(files, self.labels)
        return list(inference.predict(self.network, dataset, min(batch_size, len(files))))


def from_pretrained(path_or_name: str | Path, config_file: str | None = None) -> PretrainedModel:
    """Load a trained model.

    Args:
        path_or_name: a run's logdir (its best checkpoint is taken, or else its last), one checkpoint, or a name of a
            registry.
        config_file: the config of the run; needed only where its network has parts that are not of this package.

    Raises:
        UserError: there is no such model, it cannot be reached, or it cannot be built.
    """
    path = _locate(str(path_or_name))
    checkpoint = checkpoints.load_run(path)
    if checkpoint is None:
        raise UserError(f"{path}: no checkpoint there; name the logdir of a run, or one of its checkpoints")
    if config_file is not None:
        config = load_config(config_file, "infer", {})
        encoder, decoder, data_layer = config.encoder, config.decoder, config.data_layers["infer"]
    else:
        encoder, decoder, data_layer = blueprint.read(checkpoint.state.get("blueprint"), str(path))
    labels = tuple(checkpoint.state["labels"])
    shape = data_layer.audio_length, data_layer.num_audio_features
    network = Image2Label.build(encoder, decoder, shape, len(labels), LayerOptions())
    checkpoints.assign(network.variables, checkpoint.model, "model")
    return PretrainedModel(network, data_layer, labels)


def _locate(path_or_name: str) -> Path:
    if os.path.isdir(path_or_name):
        return Path(path_or_name)
    known: list[str] = []
    for registry in _registries():
        entries = _read_registry(registry)
        known += entries
        if path_or_name in entries:
            path = registry.parent / entries[path_or_name]
            if not path.is_dir():
                raise UserError(f"{path_or_name}: {registry} says it is in {path}, which cannot be reached")
            return path
    names = f"the registries know {', '.join(known)}" if known else "the registries are empty"
    raise UserError(f"{path_or_name}: neither a folder nor the name of a model ({names})")


def _registries() -> list[Path]:
    named = [Path(name) for name in os.environ.get(REGISTRY_VARIABLE, "").split(os.pathsep) if name]
    for path in named:
        if not path.is_file():
            raise UserError(f"{REGISTRY_VARIABLE}: {path}: no such file")
    return [*named, *(path for path in (Path(_FILE_NAME), Path(__file__).with_name(_FILE_NAME)) if path.is_file())]


def _read_registry(path: Path) -> dict[str, str]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: entry["path"] for name, entry in entries.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f'{path}: expected JSON such as {{"name": {{"path": "folder"}}}} ({error})') from None
