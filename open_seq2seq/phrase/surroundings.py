"""Rooms and noise for training, generated: no package and no recording is needed for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from open_seq2seq.data.wav_files import write_wav
from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, make_noise
from open_seq2seq.synthetic.recording import to_pcm16
from open_seq2seq.synthetic.streams import generator

ROOMS, NOISE = "rooms", "noise"
_T60_S = (0.15, 0.8)  # until the reverberation is 60 dB down
_DIRECT_DB = (-6.0, 15.0)  # direct sound over reverberation
_DELAY_S = (0.001, 0.02)  # of the reverberation
_NOISE_S = 60
_LEVEL_DB = (-15.0, -3.0)


def write_rooms(folder: Path, n_rooms: int, seed: int) -> None:
    """Write impulse responses: an impulse and noise that decays exponentially (Polack's model).

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir()
    for index in range(n_rooms):
        rng = generator(seed, "room", index)
        t60_s = rng.uniform(*_T60_S)
        seconds = np.arange(round(t60_s * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / t60_s)
        tail *= 10 ** (-rng.uniform(*_DIRECT_DB) / 20) / np.sqrt(np.sum(np.square(tail)))
        # reverberation is louder than the direct sound in all, and not in any sample of it
        tail = np.clip(tail, -0.45, 0.45)
        delay = np.zeros(round(rng.uniform(*_DELAY_S) * SAMPLE_RATE))
        _write(folder / f"{index:04d}.wav", np.concatenate([[1.0], delay, tail]), -1.0)


def write_noise(folder: Path, seed: int) -> None:
    """Write a minute of each kind of noise but babble, which has words in it.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir()
    for kind in NOISE_KINDS:
        if kind != "babble":
            rng = generator(seed, "noise", kind)
            noise = make_noise(kind, rng, _NOISE_S * SAMPLE_RATE, ())
            _write(folder / f"{kind}.wav", noise, rng.uniform(*_LEVEL_DB))


def _write(path: Path, samples: np.ndarray, peak_db: float) -> None:
    write_wav(path, to_pcm16(samples, peak_db), SAMPLE_RATE)
