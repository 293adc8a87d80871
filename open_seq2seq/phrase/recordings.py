"""A user's own recordings of the phrases: which are trained on, and which are kept for testing."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from open_seq2seq.data.audio import BadAudioError, check_header, unusable
from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.data.words import as_word
from open_seq2seq.errors import UserError, counted, named, shown
from open_seq2seq.preprocessing.speakers import speaker_in, speaker_pattern
from open_seq2seq.synthetic.noise import SAMPLE_RATE
from open_seq2seq.synthetic.streams import generator

_FLAG = "--recordings"
_LONGEST_S = 10.0  # of one utterance
_TEST_FRACTION = 1 / 3
_FEW = 20  # utterances of a test that says little

logger = logging.getLogger(__name__)


class Recordings(NamedTuple):
    """Rows with columns label, word, speaker and path, and how they were parted."""

    train: pd.DataFrame
    test: pd.DataFrame
    by_speaker: bool  # whether no speaker is in both


def read_recordings(
    folder: str, phrases: Sequence[str], pattern: str | None, seed: int
) -> Recordings:
    """Part the recordings in a folder.

    Speakers are kept apart where the names tell at least two; otherwise files are.

    Args:
        folder: with the recordings of the only phrase, or with a folder for each phrase.
        phrases: the labels.
        pattern: of speakers in names.
        seed: decides which are for testing.

    Raises:
        UserError: there are none, a folder is no phrase, or one cannot be used.
    """
    compiled = speaker_pattern(pattern) if pattern is not None else None
    rows = []
    for label, (phrase, paths) in enumerate(_by_phrase(folder, phrases).items()):
        for path in paths:
            _check(path)
            rows.append((label, phrase, _speaker(path, compiled), str(Path(path).resolve())))
    table = pd.DataFrame(rows, columns=["label", "word", "speaker", "path"])
    speakers = sorted(set(table["speaker"].dropna()))
    by_speaker = len(speakers) > 1 and not table["speaker"].isna().any()
    table["speaker"] = table["speaker"].fillna(table["path"])
    units = "speaker" if by_speaker else "path"
    is_test = _draw(table, units, seed)
    train, test = table[~is_test], table[is_test]
    _tell(train, test, by_speaker)
    return Recordings(train.reset_index(drop=True), test.reset_index(drop=True), by_speaker)


def _by_phrase(folder: str, phrases: Sequence[str]) -> dict[str, list[str]]:
    if not Path(folder).is_dir():
        raise UserError(f"{_FLAG} {folder}: no such folder; name one with recordings of the phrase")
    try:
        if len(phrases) == 1:
            found = {phrases[0]: find_audio(folder)}
        else:
            names = {as_word(p.name).replace("_", " "): p for p in Path(folder).iterdir()}
            found = {p: find_audio(names[p]) if p in names else [] for p in phrases}
    except OSError as error:
        raise UserError(
            f"{_FLAG} {folder}: cannot read it ({error.strerror or error}); make it readable"
        ) from None
    missing = [phrase for phrase, paths in found.items() if not paths]
    if len(missing) == len(phrases):
        expected = "audio files"
        if len(phrases) > 1:
            expected = f"folders named {named(phrases)} with audio files"
        raise UserError(
            f"{_FLAG} {folder}: no recordings in it, expected {expected}; put them there, or leave "
            f"{_FLAG} out"
        )
    if missing:
        logger.warning("%s: no recordings of %s", folder, named(missing))
    return found


def _check(path: str) -> None:
    try:
        seconds = check_header(path, SAMPLE_RATE).n_samples / SAMPLE_RATE
    except BadAudioError as error:
        raise unusable(f"{_FLAG} {path}", error) from None
    if seconds > _LONGEST_S:
        raise UserError(
            f"{_FLAG} {path}: {seconds:.0f} s, expected one utterance of the phrase, of "
            f"{_LONGEST_S:g} s at most; cut it, or take it away"
        )


def _speaker(path: str, pattern: re.Pattern[str] | None) -> str | None:
    speaker = speaker_in(path, pattern)
    return None if speaker == path else speaker


def _draw(table: pd.DataFrame, units: str, seed: int) -> pd.Series:
    """Tell which rows are for testing: of each phrase about a third, and no unit in part."""
    chosen: set[str] = set()
    for phrase, rows in table.groupby("word"):
        own = sorted(set(rows[units]))
        order = generator(seed, "recordings", str(phrase)).permutation(len(own))
        counts = rows[units].value_counts()
        n_test = sum(int(counts[name]) for name in own if name in chosen)
        for index in order[1:]:  # one unit at least is trained on
            if n_test + counts[own[index]] / 2 > _TEST_FRACTION * len(rows):
                break
            chosen.add(own[index])
            n_test += int(counts[own[index]])
    return table[units].isin(chosen)


def _tell(train: pd.DataFrame, test: pd.DataFrame, by_speaker: bool) -> None:
    how = "no speaker is in both" if by_speaker else "a speaker may be in both"
    logger.info(
        "recordings: %s to train on, %s for testing; %s",
        counted(len(train), "utterance"),
        counted(len(test), "utterance"),
        how,
    )
    if len(test) < _FEW:
        logger.warning(
            "recordings: a test of %s says little; %d or more would say more",
            counted(len(test), "utterance"),
            _FEW,
        )
    for phrase in sorted(set(train["word"]) - set(test["word"])):
        logger.warning("recordings: too few of %s for a test; all are trained on", shown(phrase))
