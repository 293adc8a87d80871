"""What tracks hold: hours, words and ratios, as JSON and for the terminal."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.detection.tracks import Spoken
from open_seq2seq.errors import counted
from open_seq2seq.system.paths import NAME_ERRORS
from open_seq2seq.system.terminal import printable

_PERCENTILES = (0, 25, 50, 75, 100)


class Summary:
    """Counts while tracks are written."""

    def __init__(self, params: dict[str, Any], passes: dict[str, float] | None) -> None:
        """Begin; `params` are those that the user gave, `passes` what passes a protocol."""
        self._params, self._passes = params, passes
        self._tracks: list[dict[str, Any]] = []
        self._spoken: list[Spoken] = []
        self._seconds: dict[str, float] = {}  # of each kind of stretch
        self._stretches: list[dict[str, Any]] = []  # of the track that is being written

    def add_track(self, name: str, seconds: float, spoken: list[Spoken]) -> None:
        """Count a track whose stretches were counted."""
        of_track = self._stretches
        self._stretches = []
        self._tracks.append(
            {"path": name, "seconds": seconds, "said": len(spoken), "stretches": of_track}
        )
        self._spoken += spoken

    def add_stretch(self, kind: str, start: float, end: float, level_db: float | None) -> None:
        """Count a stretch; times in seconds of its track.

        Those without a level that follow each other are told as one: each clip can be one.
        """
        self._seconds[kind] = self._seconds.get(kind, 0.0) + end - start
        last = self._stretches[-1] if self._stretches else {}
        if level_db is None and (last.get("kind"), last.get("level_db", "")) == (kind, None):
            last["end"] = round(end, 4)
            return
        level = None if level_db is None else round(level_db, 2)
        self._stretches.append(
            {"kind": kind, "start": round(start, 4), "end": round(end, 4), "level_db": level}
        )

    def values(self) -> dict[str, Any]:
        """Return what the JSON file has."""
        counts = Counter(each.label for each in self._spoken)
        return {
            "parameters": self._params,
            "hours": sum(track["seconds"] for track in self._tracks) / 3600,
            "hours_of": {kind: s / 3600 for kind, s in sorted(self._seconds.items())},
            "said": dict(sorted(counts.items())),
            "clips": len({each.path for each in self._spoken}),
            "snr_db": _percentiles([each.snr_db for each in self._spoken]),
            "passes": self._passes,
            "tracks": self._tracks,
        }

    def write(self, path: Path) -> None:
        """Write the JSON file."""
        text = json.dumps(self.values(), indent=2, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8", errors=NAME_ERRORS)

    def print(self, folder: Path, console: Console) -> None:
        """Print labels with their counts, and below them the rest."""
        values = self.values()
        tracks = counted(len(values["tracks"]), "track")
        console.print(f"{folder}: {tracks}, {values['hours']:.2f} h", soft_wrap=True)
        table = Table(show_edge=False, pad_edge=False)
        table.add_column("label", overflow="fold", min_width=8)
        table.add_column("said", justify="right")
        for label, count in values["said"].items():
            table.add_row(printable(label), f"{count:,}")
        console.print(table, crop=False)
        n_said = sum(values["said"].values())
        n_keywords = n_said - values["said"].get(UNKNOWN, 0)
        console.print(
            f"{counted(n_said, 'word')} of {counted(values['clips'], 'clip')}, "
            f"{n_keywords / max(values['hours'], 1e-9):.0f} keywords an hour"
        )
        hours = ", ".join(f"{kind} {h:.2f} h" for kind, h in values["hours_of"].items())
        console.print(f"time: {hours}")
        if passes := values["passes"]:
            console.print(
                f"passed with at most {passes['most_misses']:g} misses and "
                f"{passes['most_false_accepts']:g} false accepts of the keyword, found up to "
                f"{passes['tolerance_s']:g} s after its end",
                soft_wrap=True,
            )
        if snr := values["snr_db"]:
            console.print(
                "signal-to-noise ratio: "
                + ", ".join(f"{name} {value:.1f} dB" for name, value in snr.items()),
                soft_wrap=True,
            )


def _percentiles(ratios: list[float | None]) -> dict[str, float]:
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return {}
    names = ("least", "25 %", "median", "75 %", "largest")
    values = np.percentile(known, _PERCENTILES)
    return {name: round(float(v), 2) for name, v in zip(names, values, strict=True)}
