"""What a user should know of a dataset before it is used: lost sound, long clips, empty bands."""

from __future__ import annotations

from collections import defaultdict

from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import counted, listed

_SHOWN = 3
_MUCH_LONGER = 1.25  # times the image; its ends are often silence
_LARGEST_N_FFT = 1 << 16


def warnings_of(dataset: Dataset) -> list[str]:
    """Return what is to be told of a dataset of many clips, for training or evaluation."""
    return [*_of_flaws(dataset), *_of_long_clips(dataset), *_of_shift(dataset)]


def warnings_of_clips(dataset: Dataset) -> list[str]:
    """Return what is to be told of clips that are labelled, one by one."""
    lines = [f"{path}: {flaw}" for path, flaw in dataset.flawed.items()]
    image_s = dataset.params.image_s
    for path, seconds in _long_clips(dataset).items():
        start = (seconds - image_s) / 2
        lines.append(
            f"{path}: {seconds:.1f} s long, and the model hears {image_s:.1f} s at a time: the "
            f"label is that of its middle, from {start:.1f} to {start + image_s:.1f} s"
        )
    return lines


def warnings_of_front_end(params: FrontEnd) -> list[str]:
    """Return what is to be told of the parameters that make an image of a clip."""
    n_empty = params.n_empty_bands()
    if not n_empty:
        return []
    n_fft = params.n_fft
    while params.n_empty_bands(n_fft) and n_fft < _LARGEST_N_FFT:
        n_fft *= 2
    key = "num_audio_features" if params.num_mels is None else "num_mels"
    return [
        f"front end: {n_empty} of the {counted(params.n_mels, 'mel band')} always hold silence, "
        f"because no frequency of an FFT of n_fft={params.n_fft} samples lies in them; set "
        f"n_fft={n_fft} with win_length={params.window_length}, a smaller {key}, or a higher fmin"
    ]


def _of_flaws(dataset: Dataset) -> list[str]:
    paths = defaultdict(list)
    for path, flaw in dataset.flawed.items():
        paths[flaw].append(path)
    n_clips = len(dataset.seconds)
    return [
        f"{len(flawed):,} of {counted(n_clips, 'clip')}: {flaw}{listed(flawed, _SHOWN)}"
        for flaw, flawed in paths.items()
    ]


def _of_long_clips(dataset: Dataset) -> list[str]:
    long = _long_clips(dataset)
    if not long:
        return []
    params = dataset.params
    used = f"the middle {params.image_s:.1f} s of each are used"
    if dataset.training:
        used = f"each epoch takes {params.image_s:.1f} s from a random place of each"
    image = (
        f"{params.image_s:.1f} s (audio_length={params.audio_length} frames of "
        f"hop_length={params.hop_length})"
    )
    return [
        f"{len(long):,} of {counted(len(dataset.seconds), 'clip')} are longer than an image, "
        f"{image}, and up to {max(long.values()):.1f} s long: {used}, with or without its word; "
        f"cut the clips to their words, or raise audio_length{listed(list(long), _SHOWN)}"
    ]


def _long_clips(dataset: Dataset) -> dict[str, float]:
    limit = _MUCH_LONGER * dataset.params.image_s
    return {path: seconds for path, seconds in dataset.seconds.items() if seconds > limit}


def _of_shift(dataset: Dataset) -> list[str]:
    shift_s, longest = dataset.params.time_shift_ms / 1000, max(dataset.seconds.values())
    if not dataset.training or shift_s < longest:
        return []
    return [
        f"time_shift_ms={dataset.params.time_shift_ms:g}: no clip is longer than {longest:.1f} s, "
        "so that a part of them is shifted out altogether and silent; lower it"
    ]
