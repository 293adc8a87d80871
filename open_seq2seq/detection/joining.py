"""Long tracks of many short recordings, each heard from silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.data.audio import BadAudioError, Header, check_header, read_blocks, unusable
from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.detection.sounds import find_recordings
from open_seq2seq.detection.track_summary import Summary
from open_seq2seq.detection.track_writer import check_length, check_space, writing_track
from open_seq2seq.detection.tracks import Spoken

Advance = Callable[[int, int], None]  # samples written since the last call, and all that will be


def join(params: TrackParams, folder: Path, summary: Summary, advance: Advance) -> None:
    """Write the recordings of a folder as tracks, a pause before each and one at the end.

    Args:
        params: folder, pauses and length.
        folder: for the tracks.
        summary: counts what is in them.
        advance: is told how far it is.

    Raises:
        UserError: there are no recordings, or one cannot be used.
    """
    recordings = _list(params)
    longest = params.track_minutes * 60 * params.sample_rate
    gap = params.gap_s[1] * params.sample_rate
    n_samples = sum(round(header.n_samples + gap) for _, header in recordings)
    check_space(folder, n_samples)
    rng = np.random.default_rng([params.seed, 0])
    tracks: list[list[str]] = []
    held = 0.0
    for path, header in recordings:
        if not tracks or held + gap + header.n_samples > longest:
            tracks.append([])
            held = 0.0
        tracks[-1].append(path)
        held += gap + header.n_samples
        check_length(round(held + gap), params.sample_rate)
    for index, paths in enumerate(tracks):
        with writing_track(folder / f"joined-{index:03}.wav", params.sample_rate) as writer:
            for path in paths:
                for samples, spoken in _blocks(path, params, rng):
                    writer.write(samples, spoken)
                    advance(len(samples), n_samples)
            # the last one is followed by silence too, so that a delayed event is heard
            writer.write(np.zeros(round(gap), np.int16))
        summary.add_stretch("recordings", 0.0, writer.seconds, None)
        summary.add_track(writer.path.name, writer.seconds, writer.spoken)


def _list(params: TrackParams) -> list[tuple[str, Header]]:
    """Return the recordings of a folder with their headers.

    Raises:
        UserError: there are none, or one cannot be used.
    """
    assert params.join is not None
    found = []
    for path in find_recordings("--join", [params.join]):
        try:
            found.append((path, check_header(path, params.sample_rate, any_length=True)))
        except BadAudioError as error:
            raise unusable(path, error) from None
    return found


def _blocks(
    path: str, params: TrackParams, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, list[Spoken]]]:
    """Yield a pause and a recording in blocks, int16 [samples], and with the last one its times.

    The times are seconds of that last block, so that the beginning may be below 0.

    Raises:
        UserError: it turns out to be unusable.
    """
    rate = params.sample_rate
    shortest, longest = params.gap_s
    yield np.zeros(round(rng.uniform(shortest, longest) * rate), np.int16), []
    n_samples = 0
    held: np.ndarray = np.zeros(0, np.int16)
    try:
        for block in read_blocks(path, rate):
            if n_samples:
                yield held, []
            held = block.samples
            n_samples += len(held)
    except BadAudioError as error:
        raise unusable(path, error) from None
    end = len(held) / rate
    yield held, [Spoken(end - n_samples / rate, end, UNKNOWN, path=path)]
