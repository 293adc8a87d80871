"""The plan of one track after MLPerf Tiny's streaming wakeword, of version 1.3, for any keyword.

As published: 20 minutes; 50 utterances of one word in the first half, at intervals of an
exponential distribution of 7 s without those below 3 s, put together and stretched so that the last
utterance begins at 9.5 minutes; RMS levels of 0.5 to 0.75 of the words, and those of the
backgrounds below, relative to one unit. What is not: the recordings, see docs/tracks.md.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from open_seq2seq.detection.clips import Clip, in_turn
from open_seq2seq.detection.sounds import Sound, babble
from open_seq2seq.detection.stretches import Background, Placement, Stretch
from open_seq2seq.detection.track_plan import NOISE, SILENCE, SPEECH, Plan
from open_seq2seq.errors import UserError

N_UTTERANCES = 50
# what passes; a word may be found up to so many seconds after its end
PASSES = {"most_false_accepts": 8, "most_misses": 8, "tolerance_s": 1.0}
_MEAN_INTERVAL_S, _LEAST_INTERVAL_S, _N_DRAWN = 7.0, 3.0, 100
_LAST_S = 570.0
_WORD_RMS = (0.5, 0.75)  # of the unit
_UNIT_DB = -20.0  # RMS of the unit in dB of full scale, which leaves room for peaks
_BABBLE, _QUIET_TALKER, _LOUD = "babble", 0.05, 0.5
_TALKER = 0.1  # of the last babble
_LAST_SCENE = 3  # of those with the keyword


def plan_mlperf(
    clips: Sequence[Clip], noise: Sound, speech: Sound, sample_rate: int, seed: int
) -> Plan:
    """Return the track.

    Args:
        clips: of the keyword; all are said before one is repeated.
        noise: takes the place of music.
        speech: of others.
        sample_rate: in Hz.
        seed: of times, levels and order.
    """
    rng = np.random.default_rng([seed, 0])
    starts_s = _starts_s(rng)
    said = in_turn(clips, N_UTTERANCES, rng)
    levels = 20 * np.log10(rng.uniform(*_WORD_RMS, N_UTTERANCES)) + _UNIT_DB

    def talkers(count: int) -> Background:
        # one stream of speech, from which each talker takes recordings of its own
        return functools.partial(babble, [speech] * count)

    scenes: list[tuple[float, str, float | None, Background | None]] = [
        (100, SILENCE, None, None),
        (200, _BABBLE, _db(_QUIET_TALKER * math.sqrt(8)), talkers(8)),
        (150, NOISE, _db(_LOUD), noise.take),
        (150, NOISE, _db(_LOUD), noise.take),
        (150, SPEECH, _db(_LOUD), speech.take),
        (
            150,
            "speech and noise",
            _db(_LOUD * math.sqrt(2)),
            functools.partial(babble, [noise, speech]),
        ),
        (300, _BABBLE, _db(_TALKER * math.sqrt(7)), talkers(7)),
    ]
    ends = np.cumsum([round(scene[0] * sample_rate) for scene in scenes])
    placements: list[list[Placement]] = [[] for _ in scenes]
    free = 0
    for start_s, clip, word_db in zip(starts_s, said, levels, strict=True):
        start = max(round(start_s * sample_rate), free)
        index = int(np.searchsorted(ends, start, side="right"))
        if start + clip.n_samples > ends[index]:  # a clip lies in one scene
            start, index = int(ends[index]), index + 1
        free = start + clip.n_samples
        if free > ends[_LAST_SCENE]:
            raise UserError(
                f"--protocol=mlperf: {N_UTTERANCES} clips do not fit into ten minutes; "
                f"{clip.path} has {clip.n_samples / sample_rate:.1f} s, expected about 1 s"
            )
        first = int(ends[index - 1]) if index else 0
        placements[index].append(Placement(clip, start - first, float(word_db)))
    stretches = [
        Stretch(kind, round(length_s * sample_rate), level_db, tuple(here), background)
        for (length_s, kind, level_db, background), here in zip(scenes, placements, strict=True)
    ]
    return Plan("mlperf", tuple(stretches))


def _starts_s(rng: np.random.Generator) -> np.ndarray:
    """Return when the clips begin, float64 [utterances] in seconds."""
    intervals: np.ndarray = np.zeros(0)
    while len(intervals) < N_UTTERANCES:
        drawn = rng.exponential(_MEAN_INTERVAL_S, _N_DRAWN)
        intervals = np.concatenate([intervals, drawn[drawn > _LEAST_INTERVAL_S]])
    starts = np.cumsum(intervals[:N_UTTERANCES])
    return starts * (_LAST_S / starts[-1])


def _db(rms: float) -> float:
    return 20 * math.log10(rms) + _UNIT_DB
