"""The checkpoints of a run whose weights are averaged at its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from open_seq2seq.config.checkpoint_average import CheckpointAverage
from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.checkpoints import Checkpoint

_ALL = 1 << 30  # checkpoints that are kept: which ones are deleted is decided here


class CheckpointPool:
    """A folder of the best or the last checkpoints; the chief's alone."""

    def __init__(self, folder: Path, params: CheckpointAverage) -> None:
        """Name the folder; it is made with the first checkpoint.

        Args:
            folder: of the checkpoints.
            params: how many and which ones are kept.
        """
        self._folder, self._params = folder, params
        self._scores: dict[Path, float] = {}  # of those looked at

    def add(self, checkpoint: Checkpoint) -> Path:
        """Save a checkpoint, whose progress has its score, and delete the one that is too many.

        Those of later steps, of a run that was resumed before them, are deleted too.

        Raises:
            OSError: it cannot be written.
        """
        path = checkpoints.save(self._folder, checkpoint, _ALL)
        self._scores[path] = _score(checkpoint)
        for other in checkpoints.list_checkpoints(self._folder):
            if other != path and checkpoints.step_of(other) == checkpoint.step:
                checkpoints.delete(other)  # of the run before it was resumed
        for other in self._ranked()[self._params.num_checkpoints :]:
            checkpoints.delete(other)
        return path

    def mean(self) -> dict[str, np.ndarray]:
        """Return the mean of the kept weights by name.

        What is no float is that of the newest one.
        """
        paths = checkpoints.list_checkpoints(self._folder)
        newest = checkpoints.load(paths[-1], to_resume=False).model
        sums = {name: np.zeros(values.shape, np.float64) for name, values in newest.items()}
        for path in paths:
            for name, values in checkpoints.load(path, to_resume=False).model.items():
                sums[name] += values
        return {
            name: (sums[name] / len(paths)).astype(values.dtype)
            if np.issubdtype(values.dtype, np.floating)
            else values
            for name, values in newest.items()
        }

    def __len__(self) -> int:
        return len(checkpoints.list_checkpoints(self._folder))

    def _ranked(self) -> list[Path]:
        """Return the checkpoints, the first to keep first; of equal ones the newer."""
        newest_first = checkpoints.list_checkpoints(self._folder)[::-1]
        if self._params.which == "last":
            return newest_first
        return sorted(newest_first, key=lambda path: -self._score_of(path))

    def _score_of(self, path: Path) -> float:
        if path not in self._scores:
            self._scores[path] = _score(checkpoints.load(path, to_resume=False))
        return self._scores[path]


def _score(checkpoint: Checkpoint) -> float:
    score = checkpoint.progress.score
    return float("-inf") if score is None else score
