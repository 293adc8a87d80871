"""Making tracks: what is planned is made stretch by stretch and written at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from open_seq2seq.config.problems import suggestion
from open_seq2seq.config.track_params import OWN, REST, TrackParams
from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.detection import mlperf
from open_seq2seq.detection.clips import Clip, read_clips
from open_seq2seq.detection.joining import Advance, join
from open_seq2seq.detection.own_rooms import plan_rooms
from open_seq2seq.detection.sounds import GeneratedNoise, RecordedNoise, RecordedSpeech, Sound
from open_seq2seq.detection.stretches import make_stretch
from open_seq2seq.detection.track_plan import Plan, plan_tracks
from open_seq2seq.detection.track_summary import Summary
from open_seq2seq.detection.track_writer import check_length, check_space, writing_track
from open_seq2seq.errors import UserError, counted
from open_seq2seq.system.new_folder import new_folder

SUMMARY = "summary.json"
logger = logging.getLogger(__name__)


def make_tracks(params: TrackParams, output_dir: Path, advance: Advance) -> Summary:
    """Write tracks, their lists and a summary into a new folder.

    Args:
        params: what is wanted.
        output_dir: a folder that does not exist or is empty.
        advance: is told how far it is.

    Raises:
        UserError: what is given cannot be used, or the folder cannot be written. Nothing is left.
    """
    given = {name: getattr(params, name) for name in sorted(params.model_fields_set)}
    summary = Summary(given, mlperf.PASSES if params.protocol else None)
    if params.join is not None:
        with new_folder(output_dir) as folder:
            join(params, folder, summary, advance)
            summary.write(folder / SUMMARY)
        return summary
    plans = plan(params)
    n_samples = sum(each.n_samples for each in plans)
    for each in plans:
        check_length(each.n_samples, params.sample_rate)
    with new_folder(output_dir) as folder:
        check_space(folder, n_samples)
        for index, each in enumerate(plans):
            write_track(each, index, params, folder, summary, lambda n: advance(n, n_samples))
        summary.write(folder / SUMMARY)
    return summary


def plan(params: TrackParams) -> list[Plan]:
    """Return the plans of tracks of clips.

    Raises:
        UserError: what is given cannot be used.
    """
    labels, clips = read_clips(params)
    if params.background == OWN:
        return plan_rooms(params, clips)
    noise: Sound = GeneratedNoise(params.sample_rate)
    if params.background is not None:
        noise = RecordedNoise("--background", [params.background], params.sample_rate)
    speech: Sound | None = None
    if params.speech not in (None, REST):
        speech = RecordedSpeech("--speech", [str(params.speech)], params.sample_rate)
    elif params.speech == REST and all(clip.label != UNKNOWN for clip in clips):
        raise UserError(
            f"--speech {REST}: no clip of the label {UNKNOWN} in {params.manifest}; name a folder "
            "of recordings without keywords"
        )
    if params.keyword is not None:
        return [_plan_mlperf(params, params.keyword, labels, clips, noise, speech)]
    return plan_tracks(params, clips, noise, speech)


def write_track(
    plan: Plan,
    index: int,
    params: TrackParams,
    folder: Path,
    summary: Summary,
    advance: Callable[[int], None],
) -> None:
    """Make a track and its list.

    Args:
        plan: of the track.
        index: of the track; what is drawn for a stretch depends on the seed, this and its number.
        params: of all tracks.
        folder: for the files.
        summary: counts what is in the track.
        advance: is told of samples that were written.

    Raises:
        UserError: a clip or a recording cannot be used.
        OSError: a file cannot be written.
    """
    with writing_track(folder / f"{plan.name}.wav", params.sample_rate) as writer:
        for number, stretch in enumerate(plan.stretches):
            rng = np.random.default_rng([params.seed, 1, index, number])
            made = make_stretch(stretch, params.sample_rate, rng)
            start = writer.seconds
            writer.write(made.samples, made.spoken)
            summary.add_stretch(stretch.kind, start, writer.seconds, made.level_db)
            advance(len(made.samples))
    summary.add_track(writer.path.name, writer.seconds, writer.spoken)


def _plan_mlperf(
    params: TrackParams,
    keyword: str,
    labels: tuple[str, ...],
    clips: list[Clip],
    noise: Sound,
    speech: Sound | None,
) -> Plan:
    if keyword not in labels or keyword == UNKNOWN:
        raise UserError(
            f"--keyword {keyword}: no such keyword{suggestion(keyword, labels)}; the labels are "
            f"{', '.join(labels)}"
        )
    said = [clip for clip in clips if clip.label == keyword]
    if not said:
        raise UserError(f"--keyword {keyword}: no clip of it in {params.manifest}")
    if len(said) < mlperf.N_UTTERANCES:
        logger.warning(
            "--keyword %s: %s, so that some of the %d utterances are repeated",
            keyword,
            counted(len(said), "clip"),
            mlperf.N_UTTERANCES,
        )
    if speech is None:
        others = [clip.path for clip in clips if clip.label == UNKNOWN]
        if not others:
            raise UserError(
                f"--protocol=mlperf: no speech of others: no clip of the label {UNKNOWN} in "
                f"{params.manifest}; name recordings with --speech"
            )
        speech = RecordedSpeech("--speech", others, params.sample_rate)
    return mlperf.plan_mlperf(said, noise, speech, params.sample_rate, params.seed)
