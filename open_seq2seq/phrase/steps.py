"""The steps that make what a detector is trained and measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from open_seq2seq.config.phrase_params import PhraseParams
from open_seq2seq.config.track_params import OWN, TrackParams
from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, UNKNOWN
from open_seq2seq.data.manifests import write_manifest
from open_seq2seq.data.official_split import Split
from open_seq2seq.detection.make_tracks import Advance, make_tracks
from open_seq2seq.detection.track_summary import Summary
from open_seq2seq.phrase.amounts import Amounts
from open_seq2seq.phrase.clips import LABELS_FILE, PHRASE, manifest_name, write_clips
from open_seq2seq.phrase.negatives import are_short, link, part, read_negatives
from open_seq2seq.phrase.recordings import read_recordings
from open_seq2seq.phrase.surroundings import NOISE, ROOMS, write_noise, write_rooms
from open_seq2seq.phrase.texts import Texts
from open_seq2seq.synthetic.spoken_sentences import write_sentence_splits
from open_seq2seq.system.files import remove
from open_seq2seq.system.new_folder import new_folder
from open_seq2seq.system.terminal import console, progress_bar

DATA, SPEECH, NEGATIVES, TRACKS = "data", "speech", "negatives", "tracks"
OWN_RECORDINGS = "recordings"  # source and corpus of the user's recordings of a phrase
SIMILAR = "similar"  # corpus of words that sound nearly like a phrase
_CLIPS_PER_HOUR = 400.0
_PAUSE_S = [2.0, 2.0]  # before each of short recordings that are joined


@contextmanager
def bar(text: str, total: float | None) -> Iterator[Callable[..., None]]:
    """Show how far a step is; yields a function that is told what was done since its last call."""
    terminal = console()
    with progress_bar(terminal) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done, total=None: progress.update(task, advance=done, total=total)


@contextmanager
def _made_anew(target: Path) -> Iterator[Path]:
    """Yield a new folder that becomes ``target``; what a killed command left there goes."""
    remove(target)
    with new_folder(target) as made:
        yield made


def make_data(
    folder: Path,
    phrases: Sequence[str],
    texts: Texts,
    amounts: Amounts,
    params: PhraseParams,
    clip_s: float,
) -> dict[str, Any]:
    """Write data/: clips, manifests, rooms and noise."""
    n_clips = sum(
        sum(each.values()) * n
        for each, n in (
            (amounts.of_phrase, len(phrases)),
            (amounts.of_confusable, len(texts.confusables) + len(texts.swapped)),
            (amounts.of_word, len(texts.words)),
        )
    )
    facts: dict[str, Any] = {}
    with _made_anew(folder / DATA) as made, bar("clips", n_clips) as advance:
        facts["rows"] = write_clips(
            made,
            phrases,
            texts,
            amounts,
            clip_s=clip_s,
            seed=params.seed,
            on_progress=advance,
        )
        write_rooms(made / ROOMS, amounts.n_rooms, params.seed)
        write_noise(made / NOISE, params.seed)
        if params.recordings is not None:
            own = read_recordings(params.recordings, phrases, params.speaker_pattern, params.seed)
            parts: dict[Split, pd.DataFrame] = {"train": own.train, "test": own.test}
            for split, rows in parts.items():
                if len(rows):
                    write_manifest(made / manifest_name(OWN_RECORDINGS, split), rows)
            facts[OWN_RECORDINGS] = {
                "train": len(own.train),
                "test": len(own.test),
                "speakers_train": own.train["speaker"].nunique() if own.by_speaker else None,
                "speakers_test": own.test["speaker"].nunique() if own.by_speaker else None,
            }
    facts["voices"] = amounts.n_voices
    facts["confusables"] = len(texts.confusables) + len(texts.swapped)
    facts["words"] = len(texts.words)
    return facts


def make_speech(
    folder: Path, phrases: Sequence[str], amounts: Amounts, params: PhraseParams
) -> dict[str, Any]:
    """Write speech/, synthetic running speech; of a user who has some only that for training."""
    minutes = dict(amounts.speech_minutes)
    if params.negatives is not None:
        minutes = {"train": minutes["train"]}
    n_seconds = 60 * sum(minutes.values())
    with _made_anew(folder / SPEECH) as made, bar("running speech", n_seconds) as advance:
        write_sentence_splits(
            {split: (made / split, length) for split, length in minutes.items()},
            avoid=phrases,
            seed=params.seed,
            n_voices=amounts.n_voices,
            on_progress=advance,
        )
    return {"minutes": minutes}


def make_negatives(folder: Path, params: PhraseParams) -> dict[str, Any]:
    """Write negatives/: links to the user's recordings, by split; short ones are joined."""
    assert params.negatives is not None
    seconds = read_negatives(params.negatives)
    parts = part(seconds, params.seed)
    with _made_anew(folder / NEGATIVES) as made:
        for split, paths in parts.items():
            target = made / split
            if split == "train" or not are_short([seconds[path] for path in paths]):
                link(paths, target)
                continue
            link(paths, made / f"{split}-single")
            joining = TrackParams(
                join=str(made / f"{split}-single"), gap_s=_PAUSE_S, seed=params.seed
            )
            make_tracks(joining, target, lambda done, total: None)
            remove(made / f"{split}-single")
    return {
        split: {"recordings": len(paths), "hours": sum(seconds[path] for path in paths) / 3600}
        for split, paths in parts.items()
    }


def make_phrase_tracks(
    folder: Path, split: Split, amounts: Amounts, params: PhraseParams
) -> dict[str, Any]:
    """Write tracks/SPLIT: phrases in noise."""
    with bar(f"tracks of {split}", None) as advance:
        summary = _make_tracks(
            folder,
            split,
            manifest_name(PHRASE, split),
            lambda done, total: advance(done, total=total),
            hours=amounts.track_minutes[split] / 60,
            clips_per_hour=_CLIPS_PER_HOUR,
            seed=params.seed,
        )
    values = summary.values()
    return {"hours": values["hours"], "said": values["said"]}


def make_similar_tracks(folder: Path, params: PhraseParams) -> dict[str, Any]:
    """Write tracks/similar: the test's clips of phrases and of what sounds nearly like them.

    Nobody talks like that, so false accepts per hour of it choose no threshold.
    """
    manifest = manifest_name(CUSTOM_VERSION, "test")
    summary = _make_tracks(folder, SIMILAR, manifest, seed=params.seed)
    return {"words": summary.values()["said"][UNKNOWN]}


def make_own_tracks(folder: Path, params: PhraseParams) -> dict[str, Any]:
    """Write tracks/recordings: the user's utterances for testing, each in its own room."""
    manifest = manifest_name(OWN_RECORDINGS, "test")
    _make_tracks(folder, OWN_RECORDINGS, manifest, background=OWN, seed=params.seed)
    return {}


def _make_tracks(
    folder: Path,
    name: str,
    manifest: str,
    on_progress: Advance = lambda done, total: None,
    **settings: Any,
) -> Summary:
    """Write tracks/NAME anew, of a manifest in data/; settings are those of `TrackParams`."""
    target, data = folder / TRACKS / name, folder / DATA
    remove(target)
    params = TrackParams(
        manifest=str(data / manifest), labels_file=str(data / LABELS_FILE), **settings
    )
    return make_tracks(params, target, on_progress)
