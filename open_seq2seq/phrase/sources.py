"""What a detector is trained on, with which weights, and what it is measured on."""

from __future__ import annotations

from pathlib import Path

from open_seq2seq.config.phrase_params import PhraseParams
from open_seq2seq.data.official_split import Split
from open_seq2seq.phrase.clips import CONFUSABLE, DOUBLE, WORDS, manifest_name
from open_seq2seq.phrase.recipe import Source
from open_seq2seq.phrase.steps import (
    DATA,
    NEGATIVES,
    OWN_RECORDINGS,
    SIMILAR,
    SPEECH,
    TRACKS,
)

_WEIGHTS = {CONFUSABLE: 0.7, WORDS: 0.6, DOUBLE: 0.3}  # the phrases' own clips have 1
_SPEECH_WEIGHT, _NEGATIVES_WEIGHT, _RECORDINGS_WEIGHT = 1.4, 1.4, 0.6


def has_recordings(folder: Path, split: Split) -> bool:
    """Tell whether a split has recordings of the phrases by the user."""
    return (folder / DATA / manifest_name(OWN_RECORDINGS, split)).exists()


def has_similar(folder: Path) -> bool:
    """Tell whether the test has words that sound nearly like a phrase."""
    return (folder / DATA / manifest_name(CONFUSABLE, "test")).exists()


def of_training(folder: Path, params: PhraseParams) -> list[Source]:
    """Return the sources beside the synthetic clips of the phrases, as far as they are there.

    Args:
        folder: of the detector, with all that is trained on.
        params: recordings of the user.
    """
    names = {name: manifest_name(name, "train") for name in _WEIGHTS}
    sources = [
        Source(f"{DATA}/{names[name]}", weight, own_classes=name == CONFUSABLE)
        for name, weight in _WEIGHTS.items()
        if (folder / DATA / names[name]).exists()
    ]
    sources.append(Source(f"{SPEECH}/train", _SPEECH_WEIGHT, is_running_speech=True))
    if params.negatives is not None:
        sources.append(Source(f"{NEGATIVES}/train", _NEGATIVES_WEIGHT, is_running_speech=True))
    if has_recordings(folder, "train"):
        path = f"{DATA}/{manifest_name(OWN_RECORDINGS, 'train')}"
        sources.append(Source(path, _RECORDINGS_WEIGHT))
    return sources


def corpora(folder: Path, params: PhraseParams, split: Split) -> dict[str, str]:
    """Return the names of the corpora of a split, and their paths from the folder."""
    kind = SPEECH if params.negatives is None else NEGATIVES
    found = {"tracks": f"{TRACKS}/{split}", kind: f"{kind}/{split}"}
    if split == "test" and has_similar(folder):
        found[SIMILAR] = f"{TRACKS}/{SIMILAR}"
    if split == "test" and has_recordings(folder, split):
        found["recordings"] = f"{TRACKS}/{OWN_RECORDINGS}"
    return found
