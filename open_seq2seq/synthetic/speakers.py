"""Synthetic speakers: voices of espeak-ng, each in one split, with official speaker names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from open_seq2seq.data.official_split import Split, official_split
from open_seq2seq.synthetic.streams import generator

# Voice variants of espeak-ng 1.52. Voices with nearly the same formants are one family, so that no
# test voice resembles a training voice. Left out are whispers, robots and echoes, which a person
# would not understand at 0 dB, and `Reed` and `caleb`, whose samples differ between processes.
LOW_VOICES: tuple[tuple[str, ...], ...] = (
    ("Alex", "croak", "grandpa", "john", "Mike", "Mr serious", "m1", "m3", "pedro"),
    ("Andy", "AnxiousAndy"),
    ("Denis", "victor"),
    ("Diogo", "Henrique", "Hugo", "michel", "miguel"),
    ("Gene", "Gene2"),
    ("Jacky",),
    ("Marco",),
    ("Mario",),
    ("Michael", "gustave"),
    ("Nguyen", "m7", "m8"),
    ("Storm",),
    ("adam", "benjamin", "klatt6"),
    ("antonio",),
    ("david",),
    ("ed",),
    ("edward", "edward2"),
    ("iven3", "iven4"),
    ("klatt", "klatt2", "klatt3", "klatt4", "klatt5"),
    ("m2",),
    ("m4", "sandro"),
    ("m5",),
    ("m6",),
    ("marcelo",),
    ("max", "paul"),
    ("mike2",),
    ("norbert",),
    ("pablo",),
    ("quincy", "rob", "robert"),
)
HIGH_VOICES: tuple[tuple[str, ...], ...] = (
    ("Alicia",),
    ("Andrea",),
    ("Annie",),
    ("anika",),
    ("aunty", "f3", "f4", "linda"),
    ("belinda",),
    ("f1",),
    ("f2", "f5"),
    ("grandma",),
    ("shelby",),
    ("steph", "steph2", "steph3"),
    ("zac",),
)

# espeak-ng's English accents, without Shavian, which has another alphabet
ACCENTS = (
    "en",
    "en-us",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-gb-x-rp",
    "en-029",
    "en-us-nyc",
)

RATE_WPM = (110, 185)  # words per minute of the slowest and of the quickest person
HELD_OUT_FRACTION = 0.1  # of the voices, for validation and again for testing


@dataclass(frozen=True)
class Speaker:
    """A synthetic person; `espeak.Utterance` explains the scales of rate and pitch."""

    id: str  # eight hexadecimal digits whose official split is `split`
    split: Split
    voice: str
    accent: str
    rate_wpm: int
    pitch: int
    pitch_range: int
    formant_scale: float  # factor of all frequencies; above 1 is a shorter vocal tract


def voices_by_split(seed: int) -> dict[Split, list[tuple[str, ...]]]:
    """Assign the voice families to splits: a tenth each to val and test, the rest to train.

    Low and high voices are divided separately.
    """
    families: dict[Split, list[tuple[str, ...]]] = {"train": [], "val": [], "test": []}
    rng = generator(seed, "voices by split")
    for group in (LOW_VOICES, HIGH_VOICES):
        shuffled = [group[index] for index in rng.permutation(len(group))]
        n_held_out = round(HELD_OUT_FRACTION * len(group))
        families["val"] += shuffled[:n_held_out]
        families["test"] += shuffled[n_held_out : 2 * n_held_out]
        families["train"] += shuffled[2 * n_held_out :]
    return families


def make_speakers(
    n_speakers: dict[Split, int], seed: int, *, rate_wpm: tuple[int, int] = RATE_WPM
) -> dict[Split, list[Speaker]]:
    """Make ``n_speakers`` of each split, each with a unique name, from its families in turn.

    Their rates are drawn from ``rate_wpm``, smallest and largest.
    """
    taken: set[str] = set()
    speakers: dict[Split, list[Speaker]] = {}
    for split, families in voices_by_split(seed).items():
        speakers[split] = []
        for index in range(n_speakers[split]):
            rng = generator(seed, "speaker", split, index)
            identity = _find_identity(split, f"{seed}/{split}/{index}", taken)
            speakers[split].append(
                _draw_speaker(identity, split, families[index % len(families)], rate_wpm, rng)
            )
    return speakers


def _draw_speaker(
    identity: str,
    split: Split,
    family: tuple[str, ...],
    rate_wpm: tuple[int, int],
    rng: np.random.Generator,
) -> Speaker:
    return Speaker(
        id=identity,
        split=split,
        voice=family[int(rng.integers(len(family)))],
        accent=ACCENTS[int(rng.integers(len(ACCENTS)))],
        rate_wpm=int(rng.integers(*rate_wpm, endpoint=True)),
        pitch=int(rng.integers(25, 76)),
        pitch_range=int(rng.integers(20, 91)),
        formant_scale=float(rng.uniform(0.9, 1.1)),
    )


def _find_identity(split: Split, name: str, taken: set[str]) -> str:
    """Return a new identity from ``name`` that the official rule puts in ``split``.

    It is added to ``taken``.
    """
    attempt = 0
    while True:
        identity = hashlib.sha256(f"{name}/{attempt}".encode()).hexdigest()[:8]
        if identity not in taken and official_split(identity) == split:
            taken.add(identity)
            return identity
        attempt += 1
