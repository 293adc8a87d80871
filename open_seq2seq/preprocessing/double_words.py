"""Double words: the first half of a word and the second half of another one of the same speaker.

A network that knows keywords by a part of them takes such a word for a keyword. The words are cut
at their loudest samples.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.data.audio import BadAudioError, read_wav
from open_seq2seq.data.wav_files import write_wav
from open_seq2seq.errors import counted, named
from open_seq2seq.preprocessing.silence import SAMPLE_RATE
from open_seq2seq.preprocessing.word_halves import Half, cut_words, join_halves
from open_seq2seq.synthetic.phoneme_distance import SAME, substitution_cost
from open_seq2seq.synthetic.pronunciation import can_say, pronounce
from open_seq2seq.synthetic.streams import generator

_SHORTEST_HALF = SAMPLE_RATE * 50 // 1000
_MOST_OF_KEYWORD = 0.8  # that a double word may have in it
_PAIRS = 4  # that are drawn for each double word; of many a half cannot be used
_LONGEST_NAME = 200  # bytes; a file's name can have 255

logger = logging.getLogger(__name__)


class Pair(NamedTuple):
    """Two clips, each a word and a path; of the first the beginning is heard."""

    speaker: str
    words: tuple[str, str]
    paths: tuple[str, str]


def make_double_words(
    clips: pd.DataFrame,
    n_wanted: int,
    keywords: Sequence[str],
    data_dir: Path,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Draw pairs of clips and write double words of them: `draw_pairs`, `write_double_words`."""
    rng = generator(seed, "double words")
    pairs = draw_pairs(clips, keywords, _PAIRS * n_wanted, rng)
    return write_double_words(pairs, n_wanted, keywords, data_dir, folder, seed)


def draw_pairs(
    clips: pd.DataFrame, keywords: Sequence[str], n_pairs: int, rng: np.random.Generator
) -> list[Pair]:
    """Draw pairs of clips, from each speaker in turn, none of them twice.

    Args:
        clips: training clips with columns ``word``, ``speaker`` and ``path``.
        keywords: no pair may sound like one, as far as phonemes tell.
        n_pairs: number of pairs; fewer if there are not as many.
        rng: decides which.
    """
    allowed = _allowed(sorted(set(clips["word"])), keywords)
    by_speaker = []
    speakers = {str(name): own for name, own in clips.groupby("speaker")}
    for speaker in rng.permutation(sorted(speakers)):
        own = speakers[speaker]
        words, paths = list(own["word"]), list(own["path"])
        n_own = len(own)
        order = rng.choice(n_own**2, min(n_own**2, n_pairs + n_own), replace=False)
        by_speaker.append(
            [
                Pair(str(speaker), (words[i], words[j]), (paths[i], paths[j]))
                for i, j in zip(*np.divmod(order, n_own), strict=True)
                if (words[i], words[j]) in allowed
            ]
        )
    turns = itertools.chain.from_iterable(itertools.zip_longest(*by_speaker))
    return [pair for pair in turns if pair is not None][:n_pairs]


def write_double_words(
    pairs: Sequence[Pair],
    n_wanted: int,
    keywords: Sequence[str],
    data_dir: Path,
    folder: Path,
    seed: int,
) -> pd.DataFrame:
    """Write clips of one second of the first ``n_wanted`` pairs that can be used.

    Pairs with a clip that cannot be read are left out with a warning. So are, without one, pairs of
    which one half is less than 50 ms, or more than four fifths of a keyword.

    Returns:
        a table with columns ``word`` (empty), ``speaker`` and ``path`` (the file's name).

    Raises:
        OSError: a clip cannot be written.
    """
    folder.mkdir(parents=True)
    rows: list[tuple[str, str, str]] = []
    unreadable = set()
    for pair in pairs:
        if len(rows) == n_wanted:
            break
        try:
            sounds = [read_wav(str(data_dir / path), SAMPLE_RATE).samples for path in pair.paths]
        except BadAudioError:
            unreadable.add(" + ".join(pair.paths))
            continue
        halves = cut_words(sounds[0], sounds[1])
        if not _is_double(halves, pair.words, keywords):
            continue
        name = f"{len(rows):06d}_{'+'.join(pair.words)}"
        if len(os.fsencode(name)) > _LONGEST_NAME:
            name = f"{len(rows):06d}"
        rng = generator(seed, "double word", *pair.paths)
        sound = join_halves(sounds[0], sounds[1], halves, rng)
        write_wav(folder / f"{name}.wav", sound, SAMPLE_RATE)
        rows.append(("", pair.speaker, f"{name}.wav"))
    if unreadable:
        logger.warning(
            "double words: %s left out, as a clip cannot be read: %s",
            counted(len(unreadable), "pair"),
            named(sorted(unreadable)),
        )
    if len(rows) < n_wanted:
        logger.warning("double words: only %d of %s", len(rows), counted(n_wanted, "clip"))
    return pd.DataFrame(rows, columns=["word", "speaker", "path"])


def _is_double(halves: tuple[Half, Half], words: tuple[str, str], keywords: Sequence[str]) -> bool:
    """Tell whether both halves are heard, and neither is nearly all of a keyword."""
    first, second = halves
    heard = (first.cut - first.start, second.end - second.cut)
    return min(heard) >= _SHORTEST_HALF and all(
        word not in keywords or n_heard <= _MOST_OF_KEYWORD * (half.end - half.start)
        for word, n_heard, half in zip(words, heard, halves, strict=True)
    )


def _allowed(words: Sequence[str], keywords: Sequence[str]) -> set[tuple[str, str]]:
    """Return the pairs of different words that are no keyword, wherever they are cut.

    So "get" and "no" are none if "go" is a keyword: a beginning of one and an end of the other are
    its phonemes.
    """
    allowed = set(itertools.permutations(words, 2))
    for whole in {sound for keyword in keywords for sound in _sounds(keyword)}:
        beginnings = {word: _common(word, whole) for word in words}
        backwards = {word: _common(word, whole[::-1], backwards=True) for word in words}
        allowed = {
            (first, second)
            for first, second in allowed
            if not any(len(whole) - n in backwards[second] for n in beginnings[first])
        }
    return allowed


def _common(word: str, whole: tuple[str, ...], *, backwards: bool = False) -> set[int]:
    """Return how many of the first phonemes, but not all, ``word`` can have in common."""
    counts = set()
    for sound in _sounds(word):
        phonemes = sound[::-1] if backwards else sound
        for n in range(1, min(len(whole) - 1, len(phonemes)) + 1):
            pairs = zip(phonemes[:n], whole, strict=False)
            if sum(substitution_cost(one, other) for one, other in pairs) < SAME:
                counts.add(n)
    return counts


def _sounds(word: str) -> list[tuple[str, ...]]:
    """Return the pronunciations of a word, or its letters where espeak-ng cannot say it."""
    if can_say(word):
        return sorted(pronounce(word).by_accent)
    return [tuple(word.casefold())]
