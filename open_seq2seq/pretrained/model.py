"""Trained models as objects: ``open_seq2seq.from_pretrained("result/demo").predict(["clip.wav"])``.

A name instead of a path is looked up in registry files. They are, in this order, those that the
environment variable OPEN_SEQ2SEQ_REGISTRY lists (with the system's path separator),
``pretrained_models.json`` in the current folder, and the package's own. A registry is JSON with an
entry for each name: the model's folder, relative to the registry, or the URL of an archive.

    {"demo": {"path": "runs/demo"},
     "lamp": {"url": "https://example.org/lamp.tar.gz", "sha256": "<64 hexadecimal digits>"}}

The archive contains a run's logdir or one checkpoint, at its top or one folder deep.
``from_pretrained("lamp", download=True)`` fetches it, verifies its SHA-256 and unpacks it. It goes
to the entry's "path" if there is one, or else to the cache, ``~/.cache/open_seq2seq`` (or below
XDG_CACHE_HOME). A model that is there already is used. Nothing is fetched without
``download=True``.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.components import Decoder, Encoder
from open_seq2seq.config import Config, load_config
from open_seq2seq.config.calibration import Calibration
from open_seq2seq.config.problems import checked
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.data.waveforms import Reading
from open_seq2seq.errors import UserError
from open_seq2seq.inference import (
    InferenceParams,
    Prediction,
    Predictor,
    Recording,
    Recordings,
)
from open_seq2seq.inference.warnings import Warnings
from open_seq2seq.network import build_network
from open_seq2seq.pretrained import registry
from open_seq2seq.pretrained.clips import Clip, PathLike, recordings_of_clips
from open_seq2seq.storage import architecture, variables
from open_seq2seq.storage.calibrations import read_calibration
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.compatibility import check_front_end, check_outputs
from open_seq2seq.storage.logdir import load_run
from open_seq2seq.structs import KerasModel, OutputKind

_BATCH_SIZE = 64


class PretrainedModel:
    """A trained network with its front end and its labels.

    Attributes:
        labels: names of the labels, in the order of the network's outputs.
        network: the Keras model, from `structs.Batch.inputs` to logits.
        data_layer: computes features from clips.
        classes: words of unknown that the network tells apart, beyond the labels; mostly none.
        step: of the checkpoint; None where it is not known.
        encoder, decoder: that the network was built of; None where they are not known.
        outputs: how its logits become probabilities; softmax where the decoder is not known.
        manifests: of the run, by the section of the config; they may be gone.
        calibration: of the run's detector; None where it was not calibrated.
    """

    def __init__(
        self,
        network: KerasModel,
        data_layer: SpeechCommandsDataLayer,
        labels: tuple[str, ...],
        checkpoint: Checkpoint | None = None,
        *,
        encoder: Encoder | None = None,
        decoder: Decoder | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.network = network
        self.data_layer = data_layer
        self.labels = labels
        self.encoder, self.decoder = encoder, decoder
        self.outputs: OutputKind = decoder.outputs if decoder is not None else "softmax"
        self.calibration = calibration
        self.step = checkpoint and checkpoint.step
        self.classes = checkpoint.info.classes if checkpoint is not None else ()
        self.manifests = checkpoint.info.manifests if checkpoint is not None else {}
        self._predictor = Predictor(network, data_layer, labels, self.outputs)
        self._warnings = Warnings(data_layer)

    def reading_as(self, reading: Reading) -> PretrainedModel:
        """Return the same model for recordings that are read as ``reading`` says."""
        copied = copy.copy(self)
        copied.data_layer = self.data_layer.model_copy(update=dict(reading))
        return copied

    def predict(
        self,
        clips: Clip | Iterable[Clip],
        batch_size: int = _BATCH_SIZE,
        *,
        sample_rate: int | None = None,
        **params: Any,
    ) -> list[Prediction]:
        """Return the labels and the probabilities of each clip.

        Args:
            clips: one clip, or several. A clip is the path of an audio file (of any sample rate,
                channel count and format that libsndfile reads), of a folder of them or of a
                manifest, an array [samples] or [samples, channels] of floats between -1 and 1 or of
                integers, or a pair of an array and its sample rate, as ``soundfile.read`` returns
                it.
            batch_size: number of clips per batch.
            sample_rate: of the arrays that come without one, in Hz.
            params: of `InferenceParams`: ``window_s=1.0, hop_s=0.5`` labels long recordings in
                overlapping windows; ``top_k`` and ``min_probability``.

        Returns:
            a list with a prediction for each clip or window, also for a single one; the path of an
            array is ``array 0`` if it is the first clip.

        Raises:
            UserError: a file cannot be read, a clip has no samples, or it is none of the above.
        """
        if batch_size < 1:
            raise UserError(f"predict: batch_size: expected 1 or more, got {batch_size}")
        wanted = checked(InferenceParams, params, "predict")
        recordings = self.open(recordings_of_clips(clips, sample_rate), wanted)
        return list(self.label(recordings, batch_size, wanted))

    def probabilities(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """Return the probabilities of the labels of each clip, float32 [clips, labels].

        Args:
            waveforms: int16 [samples] at the model's sample rate.
        """
        starts = range(0, len(waveforms), _BATCH_SIZE)
        parts = [waveforms[start : start + _BATCH_SIZE] for start in starts]
        return np.concatenate([self._predictor.probabilities(part) for part in parts])

    def open(self, recordings: list[Recording], params: InferenceParams) -> Recordings:
        """Look at recordings that are to be labelled.

        Raises:
            UserError: one cannot be used, the windows are longer than what the network hears, or
                there are not the thresholds that are asked for.
        """
        self._with_thresholds(params)
        self._warnings.begin()
        layer = self.data_layer
        return Recordings(recordings, layer, layer, params.windows(layer), self._warnings)

    def label(
        self, recordings: Recordings, batch_size: int, params: InferenceParams
    ) -> Iterator[Prediction]:
        """Yield the predictions for recordings, in their order; they are read ahead.

        Raises:
            UserError: a recording turns out to be unusable.
        """
        params = self._with_thresholds(params)
        yield from self._predictor.predict(recordings, batch_size, params)
        self._warnings.finish()

    def _with_thresholds(self, params: InferenceParams) -> InferenceParams:
        """Return the parameters with all thresholds that are asked for."""
        unknown = sorted(set(params.thresholds) - set(self.labels))
        if unknown:
            raise UserError(
                f"thresholds: the model has no label {unknown[0]!r}; its labels are "
                f"{', '.join(self.labels)}"
            )
        if not params.calibrated_thresholds:
            return params
        if self.calibration is None or not self.calibration.window_thresholds:
            raise UserError(
                "calibrated_thresholds: the model has none; calibrate it with --mode=detect "
                "--calibrate=CORPUS"
            )
        if self.calibration.stream.method == "incremental":
            self._warnings.once(
                "calibrated_thresholds: they were chosen on what is heard incrementally; heard as "
                "clips, the model's probabilities are others"
            )
        thresholds = {**self.calibration.window_thresholds, **params.thresholds}
        return params.model_copy(update={"thresholds": thresholds})


def from_pretrained(
    path_or_name: PathLike, config_file: PathLike | None = None, *, download: bool = False
) -> PretrainedModel:
    """Load a trained model.

    Args:
        path_or_name: a run's logdir (its best checkpoint, or else its last), one checkpoint, or a
            name in a registry.
        config_file: the config of the run; needed only if the network has custom classes.
        download: whether to fetch a model from the registry's URL, if it is not here already.

    Raises:
        UserError: there is no such model, or it cannot be fetched, loaded or built.
    """
    path = registry.locate(os.fsdecode(path_or_name), download)
    config = None
    if config_file is not None:
        config = load_config(os.fsdecode(config_file), "infer", {})
    return load_model(path, config)


def load_model(path: Path, config: Config | None = None, *, best: bool = True) -> PretrainedModel:
    """Load a trained model from a folder.

    Args:
        path: a run's logdir or one checkpoint.
        config: of the run; needed only if the network has custom classes.
        best: whether a run's best checkpoint is preferred to its last.

    Raises:
        UserError: there is no model, or it cannot be loaded or built.
    """
    checkpoint = load_run(path, best=best)
    if checkpoint is None:
        raise UserError(
            f"{path}: no checkpoint in it; name the logdir of a run, or one of its checkpoints"
        )
    if config is not None:
        encoder, decoder, data_layer = config.encoder, config.decoder, config.data_layers["infer"]
        check_front_end(checkpoint.info, data_layer, str(path), config.params.changed_front_end)
        check_outputs(checkpoint.info, decoder, str(path))
    else:
        encoder, decoder, data_layer = architecture.read(checkpoint.info.architecture, str(path))
    info = checkpoint.info
    network = build_network(encoder, decoder, data_layer, len(info.labels), merged=info.merged)
    variables.assign(network.variables, checkpoint.model, "model")
    return PretrainedModel(
        network,
        data_layer,
        checkpoint.labels,
        checkpoint,
        encoder=encoder,
        decoder=decoder,
        calibration=read_calibration(path),
    )
