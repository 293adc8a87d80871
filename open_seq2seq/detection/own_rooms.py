"""Plans of tracks in which each clip stands in its own quiet level, which goes on around it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.data.context import ContextMaker
from open_seq2seq.detection.clips import Clip, in_turn
from open_seq2seq.detection.stretches import Placement, Stretch
from open_seq2seq.detection.track_plan import Plan
from open_seq2seq.errors import UserError

ROOM = "room"


def plan_rooms(params: TrackParams, clips: Sequence[Clip]) -> list[Plan]:
    """Return tracks of clips as they are, each with half a gap of its own quiet level on each side.

    The gap between two clips is then the half of the one and the half of the other. Without
    ``hours`` each clip comes once; with them, as many clips as they hold.

    Raises:
        UserError: the time is too short for one clip.
    """
    rng = np.random.default_rng([params.seed, 0])
    shortest, longest = params.gap_s
    maker = ContextMaker(params.sample_rate, params.seed)
    most = params.track_minutes * 60 * params.sample_rate
    remaining = np.inf if params.hours is None else params.hours * 3600 * params.sample_rate
    tracks: list[list[Stretch]] = [[]]
    for clip in _endless(clips, rng) if params.hours else in_turn(clips, len(clips), rng):
        sides = [round(rng.uniform(shortest, longest) * params.sample_rate / 2) for _ in range(2)]
        n_samples = sides[0] + clip.n_samples + sides[1]
        remaining -= n_samples
        if remaining < 0:
            break
        if tracks[-1] and sum(stretch.n_samples for stretch in tracks[-1]) + n_samples > most:
            tracks.append([])
        placement = Placement(clip, sides[0])
        tracks[-1].append(Stretch(ROOM, n_samples, placements=(placement,), room=maker))
    if not tracks[0]:
        raise UserError(
            f"--hours {params.hours:g}: shorter than one clip with its gaps; say more, or leave "
            "--hours out to have each clip once"
        )
    return [Plan(f"track-{index:03}", tuple(track)) for index, track in enumerate(tracks)]


def _endless(clips: Sequence[Clip], rng: np.random.Generator) -> itertools.chain[Clip]:
    rounds = (in_turn(clips, len(clips), rng) for _ in itertools.count())
    return itertools.chain.from_iterable(rounds)
