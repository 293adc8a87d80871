"""Which frames of a batch belong to the clips."""

from __future__ import annotations

from typing import Any

from open_seq2seq.lazy import keras


def frame_mask(lengths: Any, n_frames: int) -> Any:
    """Return a symbolic bool [batch, n_frames]: true for the first ``lengths`` frames of each clip."""
    return keras.ops.expand_dims(lengths, 1) > keras.ops.arange(n_frames, dtype="int32")
