"""Running an exported file by its own runtime, and what it has to reach."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.errors import UserError, cut

_LARGEST_DIFFERENCE = 1e-4  # of a probability, float32
_LARGEST_LOSS = 0.01  # of accuracy
_TIMES_BY_CHANCE = 5  # as much may be lost where the clips are too few to tell it from nothing
_SIGNIFICANT = 0.05
_MOST_CHANGED = 0.05  # of the labels, where accuracy is not known
_RUNTIMES = Path(__file__).parent / "runtimes"
_OF_ONNX = ("tf2onnx", "onnx", "onnxruntime")
_PACKAGES = {
    "tflite": ("ai_edge_litert",),
    "tflite_micro": ("ai_edge_litert",),
    "onnx": _OF_ONNX,
    "web": _OF_ONNX,
}
_EXTRAS = {"tflite": "export", "tflite_micro": "export", "onnx": "onnx", "web": "onnx"}
_SCRIPTS = {
    "tflite": "litert.py",
    "tflite_micro": "microcontroller.py",
    "onnx": "onnx.py",
    "saved_model": "saved_model.py",
}

logger = logging.getLogger(__name__)


class Trial(NamedTuple):
    """What came of running one file on the clips."""

    file: str
    n_bytes: int
    median_ms: float  # of a single clip, or of the frames taken at a time, in one thread
    percentile_95_ms: float
    n_clips: int
    n_non_finite: int  # clips with NaN or infinity in their probabilities
    largest_difference: float  # of a probability from the checkpoint's
    n_changed: int  # clips whose label is another
    accuracy: float | None  # None where labels are not known
    checkpoint_accuracy: float | None
    arena_bytes: int | None = None  # of TensorFlow Lite Micro, where it has measured it
    n_lost: int | None = None  # clips that the checkpoint alone gets right; None as for accuracy
    n_gained: int | None = None  # clips that the file alone gets right

    def problem(self, number: str) -> str | None:
        """Return why the file must not be used, None if it may be.

        Args:
            number: type of the network's numbers.
        """
        if self.n_non_finite:
            return f"gives NaN or infinity for {self.n_non_finite:,} of {self.n_clips:,} clips"
        if number == "float32":
            if self.largest_difference > _LARGEST_DIFFERENCE:
                return (
                    f"differs from the checkpoint by {self.largest_difference:.2g} in a "
                    f"probability, expected {_LARGEST_DIFFERENCE:g} at most"
                )
            return None
        if self.accuracy is not None and self.checkpoint_accuracy is not None:
            if self._loss > _LARGEST_LOSS and not self._may_lose_by_chance():
                return (
                    f"has an accuracy of {self.accuracy:.2%}, the checkpoint "
                    f"{self.checkpoint_accuracy:.2%}; expected at most "
                    f"{100 * _LARGEST_LOSS:g} point less"
                )
        elif self.n_changed > max(1, _MOST_CHANGED * self.n_clips):
            return (
                f"gives {self.n_changed:,} of {self.n_clips:,} clips another label, expected "
                f"{_MOST_CHANGED:.0%} or one at most"
            )
        return None

    def doubt(self) -> str | None:
        """Return why a file without a problem may yet lose accuracy, None where it does not."""
        if self._loss <= _LARGEST_LOSS:
            return None
        return (
            f"gets {self.n_lost} of {self.n_clips:,} clips wrong that the checkpoint gets right, "
            f"and {self.n_gained} right that it gets wrong; that may be chance, and more clips in "
            "--export_files would tell"
        )

    @property
    def _loss(self) -> float:
        """Accuracy lost against the checkpoint; 0 where it is not known."""
        if self.accuracy is None or self.checkpoint_accuracy is None:
            return 0.0
        return round(self.checkpoint_accuracy - self.accuracy, 9)  # 0.9 - 0.89 > 0.01

    def _may_lose_by_chance(self) -> bool:
        """Tell whether the sign test finds no loss, of one side and exact."""
        if self.n_lost is None or self.n_gained is None:
            return False
        if self._loss > _TIMES_BY_CHANCE * _LARGEST_LOSS:
            return False
        from scipy import stats  # a second to import, and seldom needed

        n_apart = self.n_lost + self.n_gained
        test = stats.binomtest(self.n_lost, n_apart, alternative="greater")
        return bool(test.pvalue > _SIGNIFICANT)


def check_runtime(format: str) -> None:
    """Refuse a format whose runtime is not installed, before the work is done."""
    missing = [name for name in _PACKAGES.get(format, ()) if find_spec(name) is None]
    if missing:
        raise UserError(
            f"export_format: {format} needs {', '.join(missing)}, not installed here; "
            f'pip install "open-seq2seq-speech-commands[{_EXTRAS[format]}]"'
        )


def run_trial(
    format: str,
    path: Path,
    inputs: np.ndarray,
    expected: np.ndarray,
    labels: np.ndarray | None,
) -> Trial:
    """Run a file in a process of its own, without TensorFlow unless that is its runtime.

    Args:
        format: of the file.
        path: of the file.
        inputs: int16 waveforms or float32 features, [clips, ...].
        expected: the checkpoint's probabilities, [clips, labels], or [clips, 1] of a keyword.
        labels: of the clips, -1 where unknown; None: none is known.

    Raises:
        UserError: the runtime refuses the file.
    """
    outputs, measured = _run(format, path, inputs)
    outputs, expected = _with_no(outputs), _with_no(expected)
    times_ms = measured["times_ms"]
    is_bad = ~np.isfinite(outputs).all(axis=1)
    difference = np.abs(outputs[~is_bad] - expected[~is_bad]).max(initial=0.0)
    chosen, wanted = outputs.argmax(axis=1), expected.argmax(axis=1)
    accuracy = checkpoint_accuracy = n_lost = n_gained = None
    if labels is not None and (labels >= 0).any():
        known = labels >= 0
        is_right, was_right = (chosen == labels)[known] & ~is_bad[known], (wanted == labels)[known]
        accuracy, checkpoint_accuracy = float(is_right.mean()), float(was_right.mean())
        n_lost, n_gained = int((was_right & ~is_right).sum()), int((is_right & ~was_right).sum())
    return Trial(
        file=path.name,
        n_bytes=_size(path),
        median_ms=float(np.median(times_ms)),
        percentile_95_ms=float(np.percentile(times_ms, 95)),
        n_clips=len(inputs),
        n_non_finite=int(is_bad.sum()),
        largest_difference=float(difference),
        n_changed=int((chosen != wanted).sum()),
        accuracy=accuracy,
        checkpoint_accuracy=checkpoint_accuracy,
        arena_bytes=measured.get("arena_bytes"),
        n_lost=n_lost,
        n_gained=n_gained,
    )


def _with_no(probabilities: np.ndarray) -> np.ndarray:
    """Put the probability of "no" before that of a single keyword; leave those of labels."""
    if probabilities.shape[1] > 1:
        return probabilities
    return np.concatenate([1.0 - probabilities, probabilities], axis=1)


def _run(format: str, path: Path, inputs: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        clips, outputs = Path(folder, "clips.npy"), Path(folder, "outputs.npy")
        np.save(clips, inputs)
        done = subprocess.run(
            [*_command(format, path), clips, outputs],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it says nothing"]
            status = f"exit status {done.returncode}"
            if done.returncode < 0:
                status = f"it was ended by {signal.Signals(-done.returncode).name}"
            raise UserError(f"{path.name}: its runtime refuses it: {status}: {cut(lines[-1])}")
        return np.load(outputs), json.loads(done.stdout.strip().splitlines()[-1])


def _command(format: str, path: Path) -> list[str]:
    """Return the command that runs a file; clips and outputs follow."""
    if format == "web":
        node = shutil.which("node")
        if node is not None:
            return [node, os.fspath(_RUNTIMES / "web.mjs"), os.fspath(path)]
        logger.warning(
            "export: node is not here; the page's model is tried by Python's ONNX Runtime, and its "
            "WebAssembly runtime is not"
        )
        format, path = "onnx", path / "model.onnx"
    return [sys.executable, "-I", os.fspath(_RUNTIMES / _SCRIPTS[format]), os.fspath(path)]


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
