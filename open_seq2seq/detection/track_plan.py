"""Plans of tracks: which clip is said when, in which stretch, over which background."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.config.track_params import REST, TrackParams
from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.detection.clips import Clip, in_turn
from open_seq2seq.detection.sounds import Sound
from open_seq2seq.detection.stretches import Placement, Stretch
from open_seq2seq.errors import UserError, counted

KEYWORDS, NOISE, SPEECH, SILENCE = "keywords", "noise", "speech", "silence"
_SPEECH_GAP_S = (0.2, 0.6)  # between two clips of other words

logger = logging.getLogger(__name__)


class Plan(NamedTuple):
    """A track before it is made."""

    name: str  # of its file, without the ending
    stretches: tuple[Stretch, ...]

    @property
    def n_samples(self) -> int:
        return sum(stretch.n_samples for stretch in self.stretches)


def plan_tracks(
    params: TrackParams, clips: Sequence[Clip], noise: Sound, speech: Sound | None
) -> list[Plan]:
    """Return tracks of equal length: clips over noise, and stretches of noise, speech and silence.

    Args:
        params: what is wanted.
        clips: of the manifest.
        noise: what stands below the clips, and by itself.
        speech: of others; None: there is none, or the clips of the label unknown are it.

    Raises:
        UserError: the time is too short for what is wanted.
    """
    rng = np.random.default_rng([params.seed, 0])
    others = [clip for clip in clips if params.speech == REST and clip.label == UNKNOWN]
    said = [clip for clip in clips if not others or clip.label != UNKNOWN]
    others = _that_fit(others, params)
    n_clips = len(said) if params.hours is None else round(params.hours * params.clips_per_hour)
    if n_clips == 0:
        least = 0.5 / params.clips_per_hour
        raise UserError(
            f"--hours {params.hours:g}: not one clip at {params.clips_per_hour:g} clips an hour; "
            f"say more than {least:.2g} hours"
        )
    hours = params.hours or n_clips / params.clips_per_hour
    n_tracks = -(-round(hours * 3600) // max(1, round(params.track_minutes * 60)))
    n_samples = round(hours * 3600 * params.sample_rate / n_tracks)
    order = in_turn(said, n_clips, rng)
    bounds = [round(index * n_clips / n_tracks) for index in range(n_tracks + 1)]
    planner = _Planner(params, noise, speech, others, rng)
    return [
        Plan(f"track-{index:03}", planner.track(order[first:end], n_samples))
        for index, (first, end) in enumerate(itertools.pairwise(bounds))
    ]


def _that_fit(others: Sequence[Clip], params: TrackParams) -> list[Clip]:
    """Return the clips of other words that a stretch of speech has room for.

    Raises:
        UserError: there are some, and none fits.
    """
    longest_s = params.stretch_s[1] - _SPEECH_GAP_S[1]
    fitting = [clip for clip in others if clip.n_samples <= longest_s * params.sample_rate]
    if len(fitting) < len(others):
        what = f"{counted(len(others) - len(fitting), 'clip')} of {len(others)} longer than"
        if not fitting:
            raise UserError(
                f"--speech {REST}: {what} a stretch of speech, {params.stretch_s[1]:g} s with a "
                "gap; say a longer --stretch_s"
            )
        logger.warning(f"--speech {REST}: {what} a stretch of speech, left out")
    return fitting


class _Planner:
    def __init__(
        self,
        params: TrackParams,
        noise: Sound,
        speech: Sound | None,
        others: Sequence[Clip],
        rng: np.random.Generator,
    ) -> None:
        self._params, self._rng, self._rate = params, rng, params.sample_rate
        self._noise, self._speech = noise, speech
        self._others, self._queue = others, list[Clip]()

    def track(self, clips: Sequence[Clip], n_samples: int) -> tuple[Stretch, ...]:
        """Return the stretches of a track of so many samples, in a drawn order."""
        stretches = self._keyword_stretches(clips)
        n_speech = round(self._speech_fraction * n_samples)
        n_silence = round(self._params.silence_fraction * n_samples)
        n_keywords = sum(stretch.n_samples for stretch in stretches)
        n_noise = n_samples - n_keywords - n_speech - n_silence
        if n_noise < 0:
            raise self._too_short(len(clips), n_samples, n_keywords, n_speech + n_silence)
        for n_rest, make in (
            (n_noise, self._noise_stretch),
            (n_silence, lambda n: Stretch(SILENCE, n)),
            (n_speech, self._speech_stretch),
        ):
            stretches += [make(n) for n in self._lengths(n_rest)]
        return tuple(stretches[index] for index in self._rng.permutation(len(stretches)))

    @property
    def _speech_fraction(self) -> float:
        return self._params.speech_fraction if self._params.speech is not None else 0.0

    def _keyword_stretches(self, clips: Sequence[Clip]) -> list[Stretch]:
        """Return stretches of noise with clips, a gap before each and one after the last."""
        stretches: list[Stretch] = []
        remaining = list(clips)[::-1]
        while remaining:
            longest = self._samples(self._params.stretch_s)
            noise_db = self._uniform(self._params.noise_db)
            placements: list[Placement] = []
            at = self._samples(self._params.gap_s)
            while remaining and (not placements or at < longest):
                clip = remaining.pop()
                level_db = noise_db + self._uniform(self._params.snr_db)
                placements.append(Placement(clip, at, level_db))
                at += clip.n_samples + self._samples(self._params.gap_s)
            stretches.append(Stretch(KEYWORDS, at, noise_db, tuple(placements), self._noise.take))
        return stretches

    def _noise_stretch(self, n_samples: int) -> Stretch:
        level_db = self._uniform(self._params.noise_db)
        return Stretch(NOISE, n_samples, level_db, background=self._noise.take)

    def _speech_stretch(self, n_samples: int) -> Stretch:
        level_db = self._uniform(self._params.speech_db)
        if self._speech is not None:
            return Stretch(SPEECH, n_samples, level_db, background=self._speech.take)
        placements: list[Placement] = []
        at = 0
        while True:
            at += self._samples(_SPEECH_GAP_S)
            if not self._queue:
                self._queue = in_turn(self._others, len(self._others), self._rng)
            fits = [i for i, clip in enumerate(self._queue) if at + clip.n_samples <= n_samples]
            if not fits:
                return Stretch(SPEECH, n_samples, None, tuple(placements))
            placements.append(Placement(self._queue.pop(fits[-1]), at, level_db))
            at += placements[-1].clip.n_samples

    def _lengths(self, n_samples: int) -> list[int]:
        """Return lengths of stretches that are so many samples together."""
        lengths = []
        while n_samples > 0:
            length = min(n_samples, self._samples(self._params.stretch_s))
            if n_samples - length < self._rate:  # no stretch of less than a second
                length = n_samples
            lengths.append(length)
            n_samples -= length
        return lengths

    def _samples(self, bounds_s: Sequence[float]) -> int:
        return round(self._uniform(bounds_s) * self._rate)

    def _uniform(self, bounds: Sequence[float]) -> float:
        low, high = bounds
        return float(self._rng.uniform(low, high))

    def _too_short(self, n_clips: int, n_samples: int, n_needed: int, n_others: int) -> UserError:
        needed_s, others_s, track_s = (n / self._rate for n in (n_needed, n_others, n_samples))
        remedy = "more --hours, or a smaller --gap_s"
        most = 0.95 * (track_s - others_s) / needed_s
        if most * n_clips < 1:
            remedy = "a smaller --speech_fraction or --silence_fraction"
        elif n_clips > 1:
            remedy = f"--clips_per_hour={int(most * self._params.clips_per_hour)}, {remedy}"
        return UserError(
            f"a track of {track_s:,.0f} s is too short for {counted(n_clips, 'clip')}, which take "
            f"{needed_s:,.0f} s with their gaps, beside {others_s:,.0f} s of speech and silence; "
            f"say {remedy}"
        )
