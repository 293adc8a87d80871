"""From pieces of sound to labels and probabilities, in batches."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.data.augment import NO_AUGMENTATION, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.samples import reflect_after_end
from open_seq2seq.data.spectral_engine import SpectralEngine, shared_engine
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError
from open_seq2seq.inference.params import InferenceParams
from open_seq2seq.inference.recordings import Piece, Recordings
from open_seq2seq.layers.outputs import as_probabilities
from open_seq2seq.layers.plain import plain_operations
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Clips, KerasModel, OutputKind, Tensor
from open_seq2seq.system.cores import n_cores

_BATCHES_AHEAD = 2
_PART = 16  # clips of a batch that go through the front end together
_MOST_CONSTANTS = 4_000_000  # weights; a graph with more would fill the memory with copies of them


class Prediction(NamedTuple):
    """The prediction for one piece of sound, mostly a whole clip."""

    path: str
    label: str  # "" where the best label's probability is below what was asked for
    probability: float  # of the best label
    probabilities: np.ndarray  # float32 [labels]
    start: float  # seconds, of the part that was heard
    end: float
    best: tuple[tuple[str, float], ...]  # labels and their probabilities, best first; top_k of them


class Predictor:
    """Labels sound with one network, which is traced once, for batches of every size.

    The weights are those of the network at the first prediction.
    """

    def __init__(
        self,
        network: KerasModel,
        front_end: FrontEnd,
        labels: tuple[str, ...],
        outputs: OutputKind = "softmax",
    ) -> None:
        self._network, self._labels, self._outputs = network, labels, outputs
        self._front_end = part_of(front_end, FrontEnd)
        inputs = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for name, tensor in network.input.items()
        }
        self._traced = tf.function(self._probabilities, autograph=False, input_signature=[inputs])

    @functools.cached_property
    def _engine(self) -> SpectralEngine:
        """Made on first use, outside of any graph: loading a model must not open a device."""
        return shared_engine(self._front_end, NO_AUGMENTATION, seed=0, longest=None)

    def predict(
        self, recordings: Recordings, batch_size: int, params: InferenceParams
    ) -> Iterator[Prediction]:
        """Yield a prediction for each piece of the recordings, in order.

        Raises:
            UserError: the model gives a piece probabilities that are not finite.
        """
        batches: Generator[list[Piece], None, None] = _batches(recordings, batch_size)
        if len(recordings) > batch_size:
            batches = prefetch(batches, _BATCHES_AHEAD)
        with contextlib.closing(batches):
            for batch in batches:
                rows = self.probabilities([piece.samples for piece in batch])
                for piece, row in zip(batch, rows, strict=True):
                    yield self._prediction(piece, row, params)

    def probabilities(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """Return the probabilities of the labels of each clip, float32 [clips, labels].

        Args:
            waveforms: int16 [samples] at the front end's rate, one or more.
        """
        p = self._front_end
        n_clips, width = len(waveforms), self._engine.extent.n_samples
        # the front end is compiled for two sizes: one clip, and parts of a batch
        size, run = (1, self._run_clip) if n_clips == 1 else (_PART, self._run_parts)
        n_rows = -(-n_clips // size) * size
        samples, lengths = np.zeros((n_rows, width), np.int16), np.zeros(n_rows, np.int32)
        for row, waveform in enumerate(waveforms):
            clip = waveform[:width]
            samples[row, : len(clip)] = clip
            lengths[row] = len(clip)
        if p.frame_padding == "reflect":
            reflect_after_end(samples, lengths, p.n_fft // 2)
        n_frames = p.frames_that_count(lengths[:n_clips], np.ones(n_clips, np.float32))
        parts = samples.reshape(-1, size, width), lengths.reshape(-1, size)
        return run(*map(tf.constant, (*parts, n_frames))).numpy()

    @functools.cached_property
    def _run_clip(self) -> Any:
        return self._graph(lambda samples, lengths: self._features(samples[0], lengths[0]), 1)

    @functools.cached_property
    def _run_parts(self) -> Any:
        image = tf.TensorSpec((_PART, *self._front_end.image_shape), tf.float32)

        def features(samples: Tensor, lengths: Tensor) -> Tensor:
            images = tf.map_fn(
                lambda part: self._features(*part),
                (samples, lengths),
                fn_output_signature=image,
                parallel_iterations=n_cores(),
            )
            return tf.reshape(images, (-1, *image.shape[1:]))

        return self._graph(features, None)

    def _graph(self, features: Callable[[Tensor, Tensor], Tensor], n_parts: int | None) -> Any:
        """Return the function of samples, lengths and frames that count to probabilities."""
        size, width = n_parts or _PART, self._engine.extent.n_samples

        @tf.function(
            autograph=False,
            input_signature=[
                tf.TensorSpec((n_parts, size, width), tf.int16),
                tf.TensorSpec((n_parts, size), tf.int32),
                tf.TensorSpec((None,), tf.int32),
            ],
        )
        def run(samples: Tensor, lengths: Tensor, n_frames: Tensor) -> Tensor:
            images = features(samples, lengths)[: tf.shape(n_frames)[0]]
            return self._traced({"features": images, "lengths": n_frames})

        return run.get_concrete_function()

    def _features(self, samples: Tensor, lengths: Tensor) -> Tensor:
        draws = no_draws(NO_AUGMENTATION, samples.shape[0])
        clips = Clips.of(samples, lengths, draws)
        return self._engine.features(Clips(*map(tf.convert_to_tensor, clips)))

    def _probabilities(self, inputs: dict[str, Tensor]) -> Tensor:
        network = self._network
        if network.count_params() > _MOST_CONSTANTS:
            return as_probabilities(network(inputs, training=False), self._outputs)
        # with constants for weights TensorFlow folds batch normalization into the convolutions, and
        # their plain form is the fastest
        with tf.init_scope():
            trained = [v.numpy() for v in network.trainable_variables]
            others = [v.numpy() for v in network.non_trainable_variables]
        constants = [list(map(tf.constant, values)) for values in (trained, others)]
        with plain_operations():
            logits, _ = network.stateless_call(*constants, inputs, training=False)
        return as_probabilities(logits, self._outputs)

    def _prediction(
        self, piece: Piece, probabilities: np.ndarray, params: InferenceParams
    ) -> Prediction:
        if not np.isfinite(probabilities).all():
            raise UserError(
                f"{piece.name}: the model's probabilities for it are not finite, so that it has no "
                f"label. {NON_FINITE_ADVICE}"
            )
        order = np.argsort(-probabilities, kind="stable")[: params.top_k]
        best = tuple((self._labels[index], float(probabilities[index])) for index in order)
        label, probability = best[0]
        if probability < max(params.min_probability, params.thresholds.get(label, 0.0)):
            label = ""
        return Prediction(
            piece.name, label, probability, probabilities, piece.start_s, piece.end_s, best
        )


def _batches(pieces: Iterable[Piece], batch_size: int) -> Generator[list[Piece], None, None]:
    remaining = iter(pieces)
    while batch := list(itertools.islice(remaining, batch_size)):
        yield batch
