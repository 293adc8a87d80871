"""What a caller may give `PretrainedModel.predict`: files, arrays, one or many."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from open_seq2seq.data.audio import BadAudioError, as_wav
from open_seq2seq.errors import UserError, shown

PathLike: TypeAlias = str | bytes | os.PathLike
Clip: TypeAlias = PathLike | np.ndarray | tuple[np.ndarray, int]


def named_clips(
    clips: Clip | Iterable[Clip], sample_rate: int | None
) -> list[tuple[str, bytes | None]]:
    """Return the path of each clip, and the WAV file that is made of an array.

    Args:
        clips: one clip or several.
        sample_rate: of the arrays that come without one, in Hz.

    Raises:
        UserError: something in it is no clip, or an array has no sample rate.
    """
    several: Iterable[Any] = [clips]
    if not _is_clip(clips):
        if not isinstance(clips, Iterable):
            raise _no_clip(clips)
        several = clips
    return [_named(clip, index, sample_rate) for index, clip in enumerate(several)]


def _is_clip(value: Any) -> TypeGuard[Clip]:
    return isinstance(value, (str, bytes, os.PathLike, np.ndarray)) or _is_pair(value)


def _is_pair(value: Any) -> TypeGuard[tuple[np.ndarray, int]]:
    """Tell an array with its sample rate from two clips."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], np.ndarray)
        and isinstance(value[1], numbers.Integral)
    )


def _named(clip: Any, index: int, sample_rate: int | None) -> tuple[str, bytes | None]:
    if not _is_clip(clip):
        raise _no_clip(clip)
    if isinstance(clip, (str, bytes, os.PathLike)):
        return os.fsdecode(clip), None
    name = f"array {index}"
    if isinstance(clip, tuple):
        clip, sample_rate = clip
    if sample_rate is None:
        raise UserError(
            f"predict: {name} has no sample rate; give sample_rate=16000, or what it is"
        )
    try:
        return name, as_wav(clip, int(sample_rate))
    except BadAudioError as error:
        raise UserError(f"predict: {name} is no waveform: {error}") from None


def _no_clip(value: Any) -> UserError:
    return UserError(
        f"predict: {shown(value)} is no clip; expected the path of an audio file, an array, "
        "a pair of an array and its sample rate, or several of these"
    )
