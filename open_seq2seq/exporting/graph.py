"""The function that is exported: a clip's samples or features to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from open_seq2seq import layers
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.front_end import ClipFrontEnd, Spectrum
from open_seq2seq.layers.outputs import as_probabilities
from open_seq2seq.layers.plain import plain_operations
from open_seq2seq.lazy import tf
from open_seq2seq.network import before_merging, classes_beyond_labels
from open_seq2seq.structs import KerasModel, OutputKind, Tensor

_DEFAULT_CLIP_S = 1.0
_FULL_SCALE = 32768.0


class ExportGraph:
    """A network with or without its front end.

    Attributes:
        front_end: makes features of waveforms.
        takes_waveforms: or features.
    """

    def __init__(
        self,
        network: KerasModel,
        front_end: FrontEnd,
        n_samples: int,
        *,
        takes_waveforms: bool,
        outputs: OutputKind = "softmax",
    ) -> None:
        """Put the parts together.

        Args:
            network: the Keras model, from `structs.Batch.inputs` to logits.
            front_end: its front end.
            n_samples: of a waveform.
            takes_waveforms: or else features.
            outputs: how logits become probabilities.
        """
        self.front_end = front_end
        self.takes_waveforms = takes_waveforms
        self.n_samples = n_samples
        self._network = before_merging(network)
        self._outputs = outputs
        self._merged = classes_beyond_labels(network)

    @property
    def n_weights(self) -> int:
        """Number of weights of the network."""
        return int(self._network.count_params())

    def features(self, waveforms: np.ndarray) -> np.ndarray:
        """Return images of int16 waveforms [batch, n_samples]."""
        front_end = ClipFrontEnd(self.front_end, self.n_samples)
        return front_end(tf.constant(_as_float(waveforms))).numpy()

    def inputs(self, waveforms: np.ndarray, samples: str = "int16") -> np.ndarray:
        """Return what the exported model takes for int16 waveforms [batch, n_samples].

        Args:
            waveforms: of the clips.
            samples: as of `function`, where it takes waveforms.
        """
        if not self.takes_waveforms:
            return self.features(waveforms)
        return waveforms if samples == "int16" else _as_float(waveforms)

    def function(
        self, *, batch_size: int | None, samples: str = "float32", spectrum: Spectrum = "fft"
    ) -> tuple[Callable[[Tensor], Tensor], list]:
        """Return the function and its input signature.

        Args:
            batch_size: None: any.
            samples: "float32", 1 is full scale, or "int16".
            spectrum: how the front end computes it.
        """
        front_end = ClipFrontEnd(self.front_end, self.n_samples, spectrum)
        shape: tuple[int, ...] = (self.n_samples,)
        dtype, name = tf.float32, "waveform"
        if not self.takes_waveforms:
            shape, name = self.front_end.image_shape, "features"
        elif samples == "int16":
            dtype = tf.int16

        def probabilities(inputs: Tensor) -> Tensor:
            if self.takes_waveforms:
                if samples == "int16":
                    inputs = tf.cast(inputs, tf.float32) * np.float32(1.0 / _FULL_SCALE)
                inputs = front_end(inputs)
            n_clips = batch_size or tf.shape(inputs)[0]
            lengths = tf.fill([n_clips], np.int32(front_end.n_frames))
            with plain_operations():
                logits = self._network({"features": inputs, "lengths": lengths}, training=False)
            probabilities = as_probabilities(logits, self._outputs)
            if self._merged is not None:
                probabilities = layers.merging.sum_classes(probabilities, self._merged)
            return probabilities

        return probabilities, [tf.TensorSpec((batch_size, *shape), dtype, name)]

    def save(self, folder: Path, *, batch_size: int | None, samples: str = "float32") -> None:
        """Write a SavedModel, the only form in which TensorFlow Lite's converter finds all weights.

        Args:
            folder: is created.
            batch_size: None: any.
            samples: as of `function`.
        """
        function, signature = self.function(batch_size=batch_size, samples=samples)
        serve = tf.function(
            lambda inputs: {"probabilities": function(inputs)},
            input_signature=signature,
            autograph=False,
        )
        save_function(folder, serve, self._network.variables)


def save_function(folder: Path, serve: Callable, variables: list) -> None:
    """Write a SavedModel of a function, as `serve` and as the default signature.

    Keras's archive would trace the network a second time, by itself.

    Args:
        folder: is created.
        serve: a `tf.function` with a signature.
        variables: Keras variables that it uses.
    """
    module = tf.Module()
    module.serve = serve
    module.all_variables = [variable.value for variable in variables]
    signatures = {"serve": serve, "serving_default": serve}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def count_samples(front_end: FrontEnd, clip_s: float | None) -> int:
    """Return the samples of a waveform of an exported model.

    Args:
        front_end: of the model.
        clip_s: seconds that were asked for, if any.

    Raises:
        UserError: the model does not hear as much, or the clip is too short.
    """
    # a clip of exactly an image's length has one frame more than the image
    longest_s = front_end.image_s + front_end.hop_length / front_end.sample_rate
    seconds = clip_s or min(_DEFAULT_CLIP_S, front_end.image_s)
    n_samples = round(seconds * front_end.sample_rate)
    if seconds > longest_s:
        raise UserError(
            f"export_clip_s: {seconds:g} is longer than what the model hears at a time, "
            f"{front_end.image_s:g} s; give no more than that"
        )
    if n_samples <= front_end.n_fft // 2:  # cannot be mirrored, and is no word
        raise UserError(
            f"export_clip_s: {seconds:g} s is {n_samples} samples, expected more than half of "
            f"n_fft={front_end.n_fft}"
        )
    return n_samples


def _as_float(waveforms: np.ndarray) -> np.ndarray:
    return (waveforms / np.float32(_FULL_SCALE)).astype(np.float32)
