"""What a user should know of a dataset before it is used: lost sound, long clips, empty bands."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from open_seq2seq.data.front_end import FrontEnd, is_long
from open_seq2seq.errors import counted, listed

if TYPE_CHECKING:
    from open_seq2seq.data.dataset import Dataset

_SHOWN = 3
_LARGEST_N_FFT = 1 << 16


def warnings_of(dataset: Dataset) -> list[str]:
    """Return what is to be told of a dataset of many clips, for training or evaluation."""
    return [*_of_flaws(dataset), *_of_long_clips(dataset), *_of_shift(dataset)]


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


def shares_of(dataset: Dataset) -> list[str]:
    """Return what each of several sources gives to an epoch."""
    mixture = dataset.mixture
    if len(mixture.sizes) == 1:
        return []
    lines = []
    for index, (size, count) in enumerate(zip(mixture.sizes, mixture.counts, strict=True)):
        name = dataset.parts[index].name.removeprefix("data_layer_params/")
        of = f"of {counted(size, 'row')}"
        if index in dataset.speech:
            speech = dataset.speech[index]
            hours = speech.n_samples / dataset.params.sample_rate / 3600
            recordings = counted(speech.n_recordings, "recording")
            of = f"cut of {hours:.2f} h of running speech, {recordings}"
        lines.append(f"{name}: {count / mixture.n_slots:.1%} of an epoch, {count:,} {of}")
    return lines


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
    if params.keeps_waveforms:
        used += ", read from their files each time, as cache_data=waveforms keeps no longer clips"
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
    return {path: s for path, s in dataset.seconds.items() if is_long(s, dataset.params)}


def _of_shift(dataset: Dataset) -> list[str]:
    shift_s, longest = dataset.params.time_shift_ms / 1000, max(dataset.seconds.values())
    if not dataset.training or shift_s < longest:
        return []
    return [
        f"time_shift_ms={dataset.params.time_shift_ms:g}: no clip is longer than {longest:.1f} s, "
        "so that a part of them is shifted out altogether and silent; lower it"
    ]
