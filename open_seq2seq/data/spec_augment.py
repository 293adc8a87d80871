"""SpecAugment and SpecCutout: rectangles of a feature image are covered.

Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition",
2019; DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
2017.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from open_seq2seq.components import Group
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Tensor

_BITS = 31  # of an int32 without its sign
_STREAM = 0x6D61736B  # sets these draws apart from those of the waveforms


class SpecAugment(Group):
    """Rectangles of training images that are covered: SpecAugment's masks and SpecCutout's."""

    time_masks: int = Field(
        default=0,
        ge=0,
        description="Number of time masks, which cover all features (SpecAugment).",
    )
    time_mask_width: int = Field(default=25, ge=0, description="Longest time mask, in frames.")
    freq_masks: int = Field(
        default=0,
        ge=0,
        description="Number of frequency masks, which cover all frames (SpecAugment).",
    )
    freq_mask_width: int = Field(
        default=15, ge=0, description="Widest frequency mask, in features."
    )
    cutouts: int = Field(
        default=0, ge=0, description="Number of rectangles that are cut out (SpecCutout)."
    )
    cutout_time: int = Field(default=25, ge=0, description="Longest cutout, in frames.")
    cutout_freq: int = Field(default=15, ge=0, description="Widest cutout, in features.")
    mask_value: float | None = Field(
        default=None,
        description="Value of what is masked or cut out; by default that of the padding around "
        "short clips.",
    )

    @property
    def n_rectangles(self) -> int:
        return self.time_masks + self.freq_masks + self.cutouts


def draw_rectangles(
    params: SpecAugment, n_rows: int, shape: tuple[int, int], *, seed: int, epoch: int
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
    counts = [params.time_masks, params.freq_masks, params.cutouts]
    is_time_mask = np.repeat([True, False, False], counts)
    is_freq_mask = np.repeat([False, True, False], counts)
    most_frames = np.repeat([params.time_mask_width, n_frames, params.cutout_time], counts)
    most_features = np.repeat([n_features, params.freq_mask_width, params.cutout_freq], counts)
    uniform = np.random.default_rng([seed, epoch, _STREAM]).random(
        (n_rows, 4, params.n_rectangles), dtype=np.float32
    )

    def side(
        first: np.ndarray, width: np.ndarray, most: np.ndarray, size: int, covers_all: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return where sides begin and end, of random numbers in [0, 1)."""
        most = np.minimum(most, size)
        begin = np.where(covers_all, 0, np.floor(first * (size - most + 1)))
        length = np.where(covers_all, size, np.floor(width * (most + 1)))
        return begin, begin + length

    first_frame, n_frames_covered, first_feature, n_features_covered = np.moveaxis(uniform, 1, 0)
    frames = side(first_frame, n_frames_covered, most_frames, n_frames, is_freq_mask)
    features = side(first_feature, n_features_covered, most_features, n_features, is_time_mask)
    return np.stack([*frames, *features], axis=-1).astype(np.int16)


def cover(images: Tensor, rectangles: Tensor, mask_value: float) -> Tensor:
    """Set rectangles of images to ``mask_value``.

    Args:
        images: float32 [batch, frames, features].
        rectangles: int [batch, rectangles, 4], as `draw_rectangles` gives them.
        mask_value: what is put in.
    """
    frames, features = tf.range(images.shape[1]), tf.range(images.shape[2])
    is_covered = False
    for some in tf.split(rectangles, _words(rectangles.shape[1]), axis=1):
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


def _words(n_bits: int) -> list[int]:
    """Return how many bits go into each int32."""
    return [min(_BITS, n_bits - first) for first in range(0, n_bits, _BITS)]
