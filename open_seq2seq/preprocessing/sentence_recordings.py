"""Synthetic negatives that are no clips: recordings of sentences without keywords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.layout import negatives_folder, sentence_list
from open_seq2seq.preprocessing.negative_params import SENTENCES, NegativeParams
from open_seq2seq.synthetic.spoken_sentences import (
    check_minutes,
    minutes_per_split,
    write_list,
    write_sentence_splits,
    writer_without,
)
from open_seq2seq.synthetic.studio import SaidSentence
from open_seq2seq.system.terminal import progress_bar


def check_sentences(avoid: Sequence[str], params: NegativeParams) -> None:
    """Refuse a length that cannot be, and keywords beside which no sentence can be said.

    Args:
        avoid: what no sentence says.
        params: of the negatives.

    Raises:
        UserError: what is wrong.
    """
    try:
        check_minutes(params.sentence_minutes)
    except UserError as error:
        raise UserError(f"--sentence_minutes: {error}") from None
    try:
        writer_without(tuple(avoid), params.held_out_words)
    except UserError as error:
        raise UserError(f"--negatives sentences: {error}") from None


def write_recordings(
    avoid: Sequence[str],
    params: NegativeParams,
    version: str,
    folder: Path,
    seed: int,
    console: Console,
) -> pd.DataFrame:
    """Write the recordings and the list of what is said in them.

    Args:
        avoid: what no sentence says.
        params: of the negatives.
        version: the version; names begin with it.
        folder: where to write.
        seed: of the voices and of the recordings.
        console: for the progress.

    Returns:
        the list, with columns ``split``, ``recording``, ``start``, ``end`` (seconds), ``speaker``,
        ``language`` and ``text``.

    Raises:
        UserError: the disk is too small.
        OSError: a file cannot be written.
    """
    minutes = minutes_per_split(params.sentence_minutes)
    recordings = folder / negatives_folder(version, SENTENCES)
    with progress_bar(console) as progress:
        task = progress.add_task("sentences", total=60 * sum(minutes.values()))
        said = write_sentence_splits(
            {split: (recordings / split, minutes[split]) for split in SPLITS},
            avoid=avoid,
            held_out=params.held_out_words,
            seed=seed,
            n_voices=params.n_voices,
            on_progress=lambda seconds: progress.advance(task, seconds),
        )
    write_list(folder / sentence_list(version), said)
    rows = [(split, *each) for split in SPLITS for each in said[split]]
    return pd.DataFrame(rows, columns=["split", *SaidSentence._fields])


def about_sentences(said: pd.DataFrame, params: NegativeParams) -> dict[str, dict[str, Any]]:
    """Return what the summary says of the recordings of each split."""
    about = {}
    for split, minutes in minutes_per_split(params.sentence_minutes).items():
        own = said[said["split"] == split]
        seconds = own["end"] - own["start"]
        by_language = (seconds.groupby(own["language"]).sum() / 60).round(2)
        about[str(split)] = {
            "minutes": minutes,
            "recordings": int(own["recording"].nunique()),
            "sentences": len(own),
            "voices": int(own["speaker"].nunique()),
            "languages": int(own["language"].nunique()),
            "minutes_spoken_by_language": by_language.to_dict(),
        }
    return about


def print_sentences(about: Mapping[str, Mapping[str, Any]], version: str, console: Console) -> None:
    """Print the counts of `about_sentences`, a line for each split."""
    if not about:
        return
    columns = ("minutes", "recordings", "sentences", "voices", "languages")
    folder = negatives_folder(version, SENTENCES)
    table = Table(title=f"{folder}/<split>", show_edge=False, pad_edge=False)
    table.add_column("split", min_width=8)
    for name in columns:
        table.add_column(name, justify="right", min_width=5)
    for split, counts in about.items():
        table.add_row(split, *(f"{counts[name]:g}" for name in columns))
    console.print(table, crop=False)
