"""Clips that look wrong, and why: silent, clipped, cut off, too short, under two labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from open_seq2seq.data.dataset_versions import SILENCE
from open_seq2seq.data.measures import Measures

CLIPPED = 0.01  # fraction of the samples
SHORTEST_S = 0.2  # in which a word can be said
QUIETEST_DB = -55.0  # peak, of full scale


class OddClip(NamedTuple):
    """A clip that looks wrong."""

    kind: str
    reason: str
    split: str
    label: str
    path: str


def find_odd_clips(
    rows: pd.DataFrame, measured: Mapping[str, Measures | str], flawed: Mapping[str, str]
) -> list[OddClip]:
    """Return the clips that look wrong; one may have several reasons.

    Args:
        rows: columns split, label and path; a path may appear twice.
        measured: measures of each path, or why it cannot be read.
        flawed: paths whose sound is not what it should be, and why.
    """
    once = rows.drop_duplicates(["split", "label", "path"])
    odd = [
        OddClip(kind, reason, split, label, path)
        for split, label, path in once[["split", "label", "path"]].itertuples(index=False)
        for kind, reason in _reasons(measured.get(path), label, flawed.get(path))
    ]
    return odd + list(_repeated(once, measured))


def _reasons(
    measures: Measures | str | None, label: str, flaw: str | None
) -> Iterator[tuple[str, str]]:
    if flaw:
        yield "flawed", flaw
    if measures is None:
        return
    if isinstance(measures, str):
        yield "unreadable", measures
        return
    if measures.clipped >= CLIPPED:
        yield "clipped", f"{measures.clipped:.1%} of its samples are cut off"
    if label == SILENCE:
        return
    if measures.seconds < SHORTEST_S:
        yield "too short", f"{measures.seconds:.2f} s"
    if measures.peak_db < QUIETEST_DB and not flaw:
        yield "nearly silent", f"its peak is at {measures.peak_db:.0f} dB of full scale"
    sides = [
        side
        for side, is_cut in (("begins", measures.begins_cut), ("ends", measures.ends_cut))
        if is_cut
    ]
    if sides:
        yield "cut off", f"the word {' and '.join(sides)} beyond the clip"


def _repeated(rows: pd.DataFrame, measured: Mapping[str, Measures | str]) -> Iterator[OddClip]:
    """Yield clips whose very samples appear under another label, or in another split."""
    digests = [
        each.digest if isinstance(each := measured.get(path), Measures) else ""
        for path in rows["path"]
    ]
    known = rows.assign(digest=digests)
    known = known[(known["digest"] != "") & (known["label"] != SILENCE)]
    repeated = known[known.duplicated("digest", keep=False)]
    for _, group in repeated.groupby("digest", sort=False):
        first, *others = group[["split", "label", "path"]].astype(str).values.tolist()
        for kind, column in (("two splits", 0), ("two labels", 1)):
            for other in others:
                if other[column] != first[column]:
                    reason = f"the same samples as {first[2]}, {first[1]} in {first[0]}"
                    yield OddClip(kind, reason, *other)
