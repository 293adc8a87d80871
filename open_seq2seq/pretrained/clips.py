"""What a caller may give `PretrainedModel.predict`: files, folders, arrays, one or many."""

from __future__ import annotations

import itertools
import numbers
import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from open_seq2seq.data.audio import BadAudioError, as_wav
from open_seq2seq.errors import UserError, shown
from open_seq2seq.inference import Recording, recordings_of

PathLike: TypeAlias = str | bytes | os.PathLike
Clip: TypeAlias = PathLike | np.ndarray | tuple[np.ndarray, int]


def recordings_of_clips(clips: Clip | Iterable[Clip], sample_rate: int | None) -> list[Recording]:
    """Return the recordings that clips stand for; an array becomes a WAV file in memory.

    Args:
        clips: one clip or several.
        sample_rate: of the arrays that come without one, in Hz.

    Raises:
        UserError: something in it is no clip, a file is missing, or an array has no sample rate.
    """
    several: Iterable[Any] = [clips]
    if not _is_clip(clips):
        if not isinstance(clips, Iterable):
            raise _no_clip(clips)
        several = clips
    each = (_recordings(clip, index, sample_rate) for index, clip in enumerate(several))
    return list(itertools.chain.from_iterable(each))


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


def _recordings(clip: Any, index: int, sample_rate: int | None) -> list[Recording]:
    if not _is_clip(clip):
        raise _no_clip(clip)
    if isinstance(clip, (str, bytes, os.PathLike)):
        return recordings_of([os.fsdecode(clip)])
    name = f"array {index}"
    if isinstance(clip, tuple):
        clip, sample_rate = clip
    if sample_rate is None:
        raise UserError(
            f"predict: {name} has no sample rate; give sample_rate=16000, or what it is"
        )
    try:
        return [Recording(name, BytesIO(as_wav(clip, int(sample_rate))))]
    except BadAudioError as error:
        raise UserError(f"predict: {name} is no waveform: {error}") from None


def _no_clip(value: Any) -> UserError:
    return UserError(
        f"predict: {shown(value)} is no clip; expected the path of an audio file, an array, "
        "a pair of an array and its sample rate, or several of these"
    )
