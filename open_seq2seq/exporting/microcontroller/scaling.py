"""How a device turns features into the small integers that a network takes.

Each feature has a scale of its own: of MFCCs the first spans a hundred times what the last does,
and one scale for all leaves the last ones two or three steps. The first layer takes the scales up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.streaming.layers import StreamConv


class FeatureScaling(NamedTuple):
    """Features between ``middle - half`` and ``middle + half`` become numbers from -1 to 1."""

    middle: np.ndarray  # float32 [features]
    half: np.ndarray  # float32 [features]

    @classmethod
    def of(cls, features: np.ndarray, *, is_shared: bool = False) -> FeatureScaling:
        """Return the scales of features that were seen, [frames, features].

        Args:
            features: of clips for calibration.
            is_shared: whether all features have one scale.
        """
        low, high = features.min(axis=0), features.max(axis=0)
        if is_shared:
            low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
        half = np.maximum((high - low) / 2, np.float32(1e-3))
        return cls(((high + low) / 2).astype(np.float32), half.astype(np.float32))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Scale features, [..., features]."""
        scaled: np.ndarray = ((features - self.middle) / self.half).astype(np.float32)
        return scaled

    def taken_up_by(self, conv: StreamConv) -> StreamConv:
        """Return a layer that gives for scaled features what ``conv`` gives for features."""
        if conv.kernel.ndim == 2:  # depthwise: [taps, features]
            return StreamConv(
                conv.kernel * self.half,
                conv.bias + self.middle * conv.kernel.sum(axis=0),
                conv.dilation,
            )
        return StreamConv(
            conv.kernel * self.half[:, None],
            conv.bias + self.middle @ conv.kernel.sum(axis=0),
            conv.dilation,
        )
