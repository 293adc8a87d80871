"""Clips of which it is known where the word is, and a manifest of them."""

import numpy as np

from tests.support.tones import make_tone, save_wav

RATE = 16000
START, END = 4800, 11200  # of the word in each clip, in samples
QUIET = 40  # size of each sample outside of the word
LABELS = ("yes", "no", "unknown", "silence")


def make_clip(amplitude, hz=440.0):
    """Return a tone of 0.4 s in a second of samples of one size and changing sign, int16."""
    rng = np.random.default_rng(round(hz))
    clip = QUIET * rng.choice([-1.0, 1.0], RATE)
    clip[START:END] += 32767 * make_tone(hz, (END - START) / RATE, amplitude)
    return np.rint(clip).astype(np.int16)


def save_clips(folder, rows):
    """Write clips and their manifest `words-test.csv` and return its path.

    Args:
        folder: for all of it.
        rows: label and word of each clip; clips of silence are silent.
    """
    lines = ["label,word,speaker,path\n"]
    for index, (label, word) in enumerate(rows):
        clip = make_clip(0.1 + 0.02 * index, 300 + 40 * index)
        if label == "silence":
            clip = np.zeros(RATE, np.int16)
        save_wav(folder / "clips" / f"{index}.wav", clip)
        lines.append(f"{LABELS.index(label)},{word},s{index},clips/{index}.wav\n")
    (folder / "words-test.csv").write_text("".join(lines))
    (folder / "words-labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    return folder / "words-test.csv"
