"""Recordings of running speech without keywords, said by synthetic voices of one split each.

    write_sentences(folder, 60, avoid=["hey lamp"], split="train")

English of many accents, and runs of words in other languages, so that sounds which no English word
has are heard too. Voices, speeds, pitches, rooms, noise, microphones, levels and pauses vary.
"""

from __future__ import annotations

import csv
import functools
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from open_seq2seq.data.official_split import Split
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.noise import SAMPLE_RATE
from open_seq2seq.synthetic.phrases import N_VOICES, check_voices, voices_per_split
from open_seq2seq.synthetic.scenes import Writer
from open_seq2seq.synthetic.speakers import HELD_OUT_FRACTION, make_speakers
from open_seq2seq.synthetic.studio import SaidSentence, open_studio
from open_seq2seq.synthetic.unwanted import Unwanted
from open_seq2seq.system.cores import n_cores

SHORTEST_MIN, LONGEST_MIN = 0.5, 10_000.0


def write_sentences(
    folder: Path,
    minutes: float,
    *,
    avoid: Sequence[str] = (),
    held_out: Sequence[str] = (),
    split: Split = "train",
    seed: int = 0,
    n_voices: int = N_VOICES,
    n_jobs: int = 0,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> list[SaidSentence]:
    """Write recordings ``000.wav``, ``001.wav`` ... of some minutes each, 16 kHz mono PCM16.

    Together they are ``minutes`` long, to the sample. The same arguments produce the same bytes,
    whatever ``n_jobs`` is. No voice is in two splits, in calls with the same ``seed`` and
    ``n_voices``; `write_phrases` has the same voices.

    Args:
        folder: a new folder, which is made.
        minutes: of all recordings together.
        avoid: keywords; no sentence says one, or what sounds like it.
        held_out: words that no sentence says, and to which no word comes near.
        split: whose voices speak.
        seed: seed of the voices and of all other draws, 0 or more.
        n_voices: number of voices of all splits, four fifths of them for training.
        n_jobs: number of recording processes; 0: one per core.
        on_progress: called with the seconds that were written since the last call.

    Returns:
        what is said, in order.

    Raises:
        UserError: an argument is invalid, hardly a sentence is left, or espeak-ng is missing.
        OSError: a recording cannot be written.
    """
    said = write_sentence_splits(
        {split: (folder, minutes)},
        avoid=avoid,
        held_out=held_out,
        seed=seed,
        n_voices=n_voices,
        n_jobs=n_jobs,
        on_progress=on_progress,
    )
    return said[split]


def write_sentence_splits(
    wanted: Mapping[Split, tuple[Path, float]],
    *,
    avoid: Sequence[str] = (),
    held_out: Sequence[str] = (),
    seed: int = 0,
    n_voices: int = N_VOICES,
    n_jobs: int = 0,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> dict[Split, list[SaidSentence]]:
    """Do the same for several splits, with their folders and minutes."""
    for _, minutes in wanted.values():
        check_minutes(minutes)
    check_voices(n_voices)
    writer = writer_without(tuple(avoid), tuple(held_out))
    speakers = make_speakers(voices_per_split(n_voices), seed)
    for folder, minutes in wanted.values():
        folder.mkdir(parents=True)
        _check_space(folder, minutes)
    said = {}
    with open_studio(writer, speakers["train"], seed, n_jobs or n_cores()) as studio:
        for split, (folder, minutes) in wanted.items():
            said[split] = studio.record(folder, minutes, split, speakers[split], on_progress)
    return said


@functools.cache
def writer_without(avoid: tuple[str, ...], held_out: tuple[str, ...]) -> Writer:
    """Return what draws sentences without these words; the arguments are as above.

    Raises:
        UserError: hardly a sentence is left, or espeak-ng is missing.
    """
    return Writer(Unwanted(avoid, held_out))


def check_minutes(minutes: float) -> None:
    """Refuse a length that cannot be.

    Raises:
        UserError: it is out of its range.
    """
    if not SHORTEST_MIN <= minutes <= LONGEST_MIN:
        raise UserError(
            f"minutes of sentences: {minutes:g}, expected {SHORTEST_MIN:g} to {LONGEST_MIN:,.0f}"
        )


def minutes_per_split(train: float) -> dict[Split, float]:
    """Return the minutes of each split: of those of training a tenth, or the least there can be."""
    held_out = max(SHORTEST_MIN, HELD_OUT_FRACTION * train)
    return {"train": train, "val": held_out, "test": held_out}


def write_list(path: Path, said: Mapping[Split, Sequence[SaidSentence]]) -> None:
    """Write what is said as CSV: a line for each sentence, with its split.

    Raises:
        OSError: the file cannot be written.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["split", *SaidSentence._fields])
        for split, sentences in said.items():
            for each in sentences:
                times = {"start": f"{each.start:.3f}", "end": f"{each.end:.3f}"}
                rows.writerow([split, *(each._asdict() | times).values()])


def _check_space(folder: Path, minutes: float) -> None:
    """Refuse what the disk does not hold, before minutes are spent on it."""
    n_bytes, free = minutes * 60 * SAMPLE_RATE * 2, shutil.disk_usage(folder).free
    if n_bytes > free:
        raise UserError(
            f"minutes of sentences: {minutes:g} need {n_bytes / 1e9:,.1f} GB, and the disk of "
            f"{folder.parent} has {free / 1e9:,.1f} GB left; ask for fewer, or free disk space"
        )
