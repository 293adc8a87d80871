"""A tiny dataset in the published layout, written by a fixture."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

MakeDataset = Callable[..., Path]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Return a function that writes a dataset and returns its folder.

    Args of the function:
        words: number of clips of each word; clip i is of speaker i.
        val, test: speakers in the published lists; None: no list.
        suffix: .wav or .flac.
        noise: write two noise files of 20 s.
        name: the folder's name.
    """

    def make(
        words: dict[str, int],
        val: set[int] | None = None,
        test: set[int] | None = None,
        suffix: str = ".wav",
        noise: bool = True,
        name: str = "clips",
    ) -> Path:
        folder = tmp_path / name
        clip = io.BytesIO()
        soundfile.write(clip, np.zeros(1600), 16000, format=suffix[1:])
        for word, n_clips in words.items():
            (folder / word).mkdir(parents=True)
            for i in range(n_clips):
                (folder / word / f"{speaker(i)}_nohash_0{suffix}").write_bytes(clip.getvalue())
        for speakers, list_name in ((val, "validation_list.txt"), (test, "testing_list.txt")):
            if speakers is not None:
                lines = [
                    f"{word}/{speaker(i)}_nohash_0.wav"
                    for word, n in words.items()
                    for i in speakers
                    if i < n
                ]
                (folder / list_name).write_text("".join(f"{line}\n" for line in lines))
        if noise:
            (folder / "_background_noise_").mkdir(parents=True)
            for kind in ("hum", "hiss"):
                soundfile.write(
                    folder / "_background_noise_" / f"{kind}.wav", np.full(20 * 16000, 0.5), 16000
                )
        return folder

    return make


def speaker(i: int) -> str:
    """Return the name of speaker ``i``: eight hexadecimal digits, as published."""
    return f"{i:08x}"
