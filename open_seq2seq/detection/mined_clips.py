"""Which false accepts become clips, and their samples."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from open_seq2seq.config.mine_params import MineParams
from open_seq2seq.data.audio import read_blocks
from open_seq2seq.detection.listening import Accept, Heard


def choose(heard: Iterable[Heard], most: int) -> list[Accept]:
    """Return the false accepts of the highest scores, those first.

    Of two that are more than half the same sound, such as two labels at once, the higher one stays.
    """
    everything = [accept for each in heard for accept in each.accepts]
    everything.sort(key=lambda accept: (-accept.score, accept.path, accept.start))
    chosen: list[Accept] = []
    taken: dict[str, list[Accept]] = collections.defaultdict(list)
    for accept in everything:
        if len(chosen) == most:
            break
        if not any(_is_same(accept, other) for other in taken[accept.path]):
            taken[accept.path].append(accept)
            chosen.append(accept)
    return chosen


def cut_clips(
    accepts: Sequence[Accept], heard: Sequence[Heard], params: MineParams, sample_rate: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the clips of false accepts, recording by recording.

    Args:
        accepts: what is cut.
        heard: the recordings, for their lengths.
        params: margin and least length.
        sample_rate: in Hz.

    Yields:
        the index of the false accept, the first sample of its clip, and int16 [samples]; a clip
        lies within its recording, and is shorter only where the recording is.
    """
    n_samples = {each.path: each.n_samples for each in heard}
    for path in dict.fromkeys(accept.path for accept in accepts):
        spans = []
        for index, accept in enumerate(accepts):
            if accept.path == path:
                spans.append((*clip_span(accept, n_samples[path], params, sample_rate), index))
        blocks = (block.samples for block in read_blocks(path, sample_rate))
        for (start, _, index), samples in _cut(blocks, sorted(spans)):
            yield index, start, samples


def clip_span(
    accept: Accept, n_samples: int, params: MineParams, sample_rate: int
) -> tuple[int, int]:
    """Return the first sample of the clip of a false accept, and the one after its last.

    Args:
        accept: what is cut.
        n_samples: of its recording.
        params: margin and least length.
        sample_rate: in Hz.
    """
    margin = round(params.margin_s * sample_rate)
    least = round(params.clip_s * sample_rate)
    length = min(n_samples, max(accept.end - accept.start + 2 * margin, least))
    start = (accept.start + accept.end - length) // 2
    start = min(max(start, 0), n_samples - length)
    return start, start + length


def _cut(
    blocks: Iterable[np.ndarray], spans: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
    """Cut spans, in the order of their starts, out of samples that come in blocks."""
    first, held = 0, np.zeros(0, np.int16)  # position of what is held in memory
    following = iter(blocks)
    for span in spans:
        start, end, _ = span
        while True:
            n_done = min(start - first, len(held))
            first, held = first + n_done, held[n_done:]
            if first + len(held) >= end:
                break
            held = np.concatenate([held, next(following)])
        yield span, held[: end - first]


def _is_same(accept: Accept, other: Accept) -> bool:
    shared = min(accept.end, other.end) - max(accept.start, other.start)
    return 2 * shared > min(accept.end - accept.start, other.end - other.start)
