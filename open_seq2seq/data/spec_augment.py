"""SpecAugment and SpecCutout: rectangles of a feature image are covered.

Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition",
2019; DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
2017.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.lazy import tf

_WORD = 31  # bits of an int32 without its sign
_STREAM = 0x6D61736B  # sets these draws apart from those of the waveforms


class SpecAugment(NamedTuple):
    """How many rectangles cover an image, and how large they are at the most; counts of 0 leave it
    as it is.
    """

    time_masks: int = 0
    time_width: int = 25  # frames
    freq_masks: int = 0
    freq_width: int = 15  # features
    cutouts: int = 0
    cutout_time: int = 25  # frames
    cutout_freq: int = 15  # features
    mask_value: float = 0.0

    @property
    def n_rectangles(self) -> int:
        return self.time_masks + self.freq_masks + self.cutouts


def draw_rectangles(
    params: SpecAugment, n_rows: int, shape: tuple[int, int], seed: int, epoch: int
) -> np.ndarray:
    """Draw the rectangles of every row of an epoch at once.

    A side is 0 to its largest width long, both included, and begins where the largest width still
    fits.

    Args:
        params: how many and how large.
        n_rows: of the manifest.
        shape: (frames, features) of an image.
        seed: of the run.
        epoch: each one draws afresh.

    Returns:
        int16 [n_rows, rectangles, 4]: first frame, frame after the last, first feature, feature
            after the last.
    """
    n_frames, n_features = shape
    n_time, n_freq, n_cut = params.time_masks, params.freq_masks, params.cutouts
    time_limit = np.array(
        [params.time_width] * n_time + [n_frames] * n_freq + [params.cutout_time] * n_cut
    )
    freq_limit = np.array(
        [n_features] * n_time + [params.freq_width] * n_freq + [params.cutout_freq] * n_cut
    )
    uniform = np.random.default_rng([seed, epoch, _STREAM]).random(
        (n_rows, 4, params.n_rectangles), dtype=np.float32
    )

    def side(
        draws: np.ndarray, limit: np.ndarray, size: int, covers_all: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        limit = np.minimum(limit, size)
        start = np.where(covers_all, 0, np.floor(draws[:, 0] * (size - limit + 1)))
        width = np.where(covers_all, size, np.floor(draws[:, 1] * (limit + 1)))
        return start, start + width

    kind = np.repeat([0, 1, 2], [n_time, n_freq, n_cut])
    first_frame, last_frame = side(uniform[:, :2], time_limit, n_frames, kind == 1)
    first_feature, last_feature = side(uniform[:, 2:], freq_limit, n_features, kind == 0)
    return np.stack([first_frame, last_frame, first_feature, last_feature], axis=-1).astype(
        np.int16
    )


def cover(images: Any, rectangles: Any, mask_value: float) -> Any:
    """Set rectangles of images to ``mask_value``.

    Args:
        images: float32 [batch, frames, features].
        rectangles: int [batch, rectangles, 4], as `draw_rectangles` gives them.
        mask_value: what covers them.
    """
    frames, features = tf.range(images.shape[1]), tf.range(images.shape[2])
    is_covered = False
    for some in tf.split(rectangles, _in_words(rectangles.shape[1]), axis=1):
        first_frame, last_frame, first_feature, last_feature = tf.unstack(
            tf.cast(some, tf.int32)[..., None], axis=2
        )
        # a bit for each rectangle: where a frame and a feature share one, both are in that
        # rectangle
        bits = tf.constant([1 << i for i in range(some.shape[1])], tf.int32)[:, None]
        in_frames = tf.reduce_sum(
            tf.where((frames >= first_frame) & (frames < last_frame), bits, 0), axis=1
        )
        in_features = tf.reduce_sum(
            tf.where((features >= first_feature) & (features < last_feature), bits, 0), axis=1
        )
        is_covered |= tf.bitwise.bitwise_and(in_frames[:, :, None], in_features[:, None, :]) > 0
    return tf.where(is_covered, mask_value, images)


def _in_words(n_bits: int) -> list[int]:
    """Divide bits into words of an int32."""
    return [min(_WORD, n_bits - first) for first in range(0, n_bits, _WORD)]
