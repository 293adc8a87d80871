"""Trained models as objects: ``open_seq2seq.from_pretrained("result/demo").predict(["clip.wav"])``.

A name instead of a path is looked up in registry files: first those that the environment variable
OPEN_SEQ2SEQ_REGISTRY names (several with the system's path separator), then
``pretrained_models.json`` in the current folder, then the package's own. They are JSON, an entry
for each name, and say in which folder a model is (relative to the file) or where it can be fetched:

    {"demo": {"path": "runs/demo"},
     "lamp": {"url": "https://example.org/lamp.tar.gz", "sha256": "<64 hexadecimal digits>"}}

The archive holds a run's logdir or one checkpoint, at its top or one folder deep.
``from_pretrained("lamp", download=True)`` fetches it, compares its SHA-256 and unpacks it in the
cache, ``~/.cache/open_seq2seq`` (below XDG_CACHE_HOME where that is set), or in the entry's "path"
where it has one; a model that is in that folder already is taken as it is. From then on nothing is
fetched, and without ``download=True`` nothing ever is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from open_seq2seq import inference
from open_seq2seq.components import LayerOptions
from open_seq2seq.config import load_config
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError
from open_seq2seq.inference import Prediction
from open_seq2seq.models.image2label import Image2Label
from open_seq2seq.pretrained import registry
from open_seq2seq.storage import architecture, checkpoints, variables


class PretrainedModel:
    """A network with its front end, its labels and its weights.

    Attributes:
        labels: names of the labels, in the order of the network's outputs.
        network: the Keras model, from `structs.Batch.inputs` to logits.
        data_layer: makes features of clips.
    """

    def __init__(
        self, network: Any, data_layer: SpeechCommandsDataLayer, labels: tuple[str, ...]
    ) -> None:
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


def from_pretrained(
    path_or_name: str | Path, config_file: str | None = None, *, download: bool = False
) -> PretrainedModel:
    """Load a trained model.

    Args:
        path_or_name: a run's logdir (its best checkpoint is taken, or else its last), one
            checkpoint, or a name of a registry.
        config_file: the config of the run; needed only where its network has parts that are not of
            this package.
        download: fetch a model that the registry has a URL for, unless it is here already.

    Raises:
        UserError: there is no such model, it cannot be reached or fetched, or it cannot be built.
    """
    path = registry.locate(str(path_or_name), download)
    checkpoint = checkpoints.load_run(path)
    if checkpoint is None:
        raise UserError(
            f"{path}: no checkpoint there; name the logdir of a run, or one of its checkpoints"
        )
    if config_file is not None:
        config = load_config(config_file, "infer", {})
        encoder, decoder, data_layer = config.encoder, config.decoder, config.data_layers["infer"]
    else:
        encoder, decoder, data_layer = architecture.read(
            checkpoint.state.get("blueprint"), str(path)
        )
    labels = tuple(checkpoint.state["labels"])
    network = Image2Label.build(
        encoder, decoder, data_layer.image_shape, len(labels), LayerOptions()
    )
    variables.assign(network.variables, checkpoint.model, "model")
    return PretrainedModel(network, data_layer, labels)
