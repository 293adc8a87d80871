"""Generated clips and manifests for tests and benchmarks, in which every label is a tone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from open_seq2seq.data.dataset_versions import LABELS

SAMPLE_RATE = 16000


def make_tone(
    frequency_hz: float,
    seconds: float = 1.0,
    amplitude: float = 0.5,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    return amplitude * np.sin(
        2 * np.pi * frequency_hz / sample_rate * np.arange(round(seconds * sample_rate))
    )


def save_wav(
    path: Path, samples: np.ndarray, sample_rate: int = SAMPLE_RATE, subtype: str = "PCM_16"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    return path


def save_manifest(path: Path, labels: Sequence[int], clips: Sequence[Path]) -> Path:
    lines = [
        f"{label},{clip.relative_to(path.parent)}\n"
        for label, clip in zip(labels, clips, strict=True)
    ]
    path.write_text("".join(["label,path\n", *lines]))
    return path


def save_tones(folder: Path) -> Path:
    """Write `v2-12-{train,val,test}.csv`, `v2-12-labels.txt`, `v2-12-noise/` and clips of tones.

    Each label has 12, 4 and 4 clips of 0.5 to 1 s with noise. The tones are five semitones apart,
    from 200 to 4797 Hz, so that they stay distinct after a pitch shift of two semitones.
    """
    rng = np.random.default_rng(0)
    words = LABELS["v2-12"]
    (folder / "v2-12-labels.txt").write_text("".join(f"{word}\n" for word in words))
    for split, n_clips in (("train", 12), ("val", 4), ("test", 4)):
        labels, clips = [], []
        for label, word in enumerate(words):
            for i in range(n_clips):
                samples = make_tone(
                    200 * 2 ** (5 * label / 12),
                    rng.uniform(0.5, 1.0),
                    10 ** rng.uniform(-1.5, -0.5),
                )
                noisy = samples + rng.normal(scale=0.003, size=len(samples))
                clips.append(save_wav(folder / word / f"{split}{i:02}.wav", noisy))
                labels.append(label)
        save_manifest(folder / f"v2-12-{split}.csv", labels, clips)
    save_wav(folder / "v2-12-noise" / "hiss.wav", rng.normal(scale=0.1, size=2 * SAMPLE_RATE))
    return folder
