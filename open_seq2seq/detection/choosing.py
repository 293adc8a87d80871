"""The thresholds of labels that share one number of false accepts and find the most words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.detection.thresholds import Tried

_NEVER_SAID = 0.0  # lowest log-odds of a label that is not in the tracks


class Options(NamedTuple):
    """What the thresholds of one label can give."""

    label: str
    n_words: int
    tried: Tried


class Choice(NamedTuple):
    """One threshold for each label."""

    log_odds: dict[str, float]
    found: dict[str, int]
    false_accepts: dict[str, int]

    @property
    def n_found(self) -> int:
        """Words found, all labels together."""
        return sum(self.found.values())

    @property
    def n_false_accepts(self) -> int:
        """False accepts, all labels together."""
        return sum(self.false_accepts.values())


def fewest(options: list[Options]) -> dict[str, int]:
    """Return the fewest false accepts of each label at any threshold."""
    return {each.label: min(each.tried.false_accepts.tolist(), default=0) for each in options}


def choose(options: list[Options], n_allowed: int) -> Choice | None:
    """Return the thresholds that find the most words; of several, those with fewest false accepts.

    That is exact: `best[n]` is the most words that the labels so far can find with n false accepts,
    and each further label is tried with every part of them.

    Args:
        options: of each label.
        n_allowed: false accepts of all labels together.

    Returns:
        None where the labels have more false accepts at any thresholds.
    """
    best = np.zeros(n_allowed + 1)
    parts: list[np.ndarray] = []  # of each label: its false accepts, by those of the labels so far
    for each in options:
        own = np.full(n_allowed + 1, -np.inf)  # most words with exactly so many false accepts
        for found, n in zip(each.tried.found, each.tried.false_accepts, strict=True):
            if n <= n_allowed:
                own[n] = max(own[n], found)
        if not len(each.tried.found):
            own[0] = 0.0
        together, part = np.full(n_allowed + 1, -np.inf), np.zeros(n_allowed + 1, int)
        for n in np.flatnonzero(np.isfinite(own)).tolist():
            sums = np.full(n_allowed + 1, -np.inf)
            sums[n:] = best[: n_allowed + 1 - n] + own[n]
            is_better = sums > together
            together[is_better], part[is_better] = sums[is_better], n
        best = together
        parts.append(part)
    if not np.isfinite(best).any():
        return None
    left = int(best.argmax())  # the first: fewest false accepts
    log_odds, found, false_accepts = {}, {}, {}
    for each, part in zip(reversed(options), reversed(parts), strict=True):
        n = int(part[left])
        left -= n
        log_odds[each.label], found[each.label] = _threshold(each, n)
        false_accepts[each.label] = n
    return Choice(*(dict(reversed(each.items())) for each in (log_odds, found, false_accepts)))


def _threshold(options: Options, n: int) -> tuple[float, int]:
    """Return the threshold with so many false accepts that finds most, and the words it finds.

    It is the one in the middle of neighbours that give the same: equally far from the sound that
    would become a false accept and from the word that would be missed.
    """
    thresholds, found, false_accepts = options.tried
    if not len(found):
        return _NEVER_SAID, 0
    most = found[false_accepts == n].max()
    is_best = (false_accepts == n) & (found == most)
    first = int(is_best.argmax())  # of the first neighbours, the highest threshold
    last = first
    while last + 1 < len(is_best) and is_best[last + 1]:
        last += 1
    if options.n_words == 0:  # nothing says how high its words rise
        return max(_NEVER_SAID, float(thresholds[last])), 0
    neighbours = thresholds[first : last + 1]
    middle = (neighbours[0] + neighbours[-1]) / 2
    return float(neighbours[np.abs(neighbours - middle).argmin()]), int(most)
