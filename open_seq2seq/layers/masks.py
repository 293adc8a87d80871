"""Masks that tell a clip's frames from padding."""

from __future__ import annotations

from open_seq2seq.lazy import keras
from open_seq2seq.structs import Tensor


def frame_mask(lengths: Tensor, n_frames: int) -> Tensor:
    """Return bool [batch, n_frames], true for the first ``lengths`` frames of each clip."""
    return keras.ops.expand_dims(lengths, 1) > keras.ops.arange(n_frames, dtype="int32")
