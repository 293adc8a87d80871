"""A table of babble, which is added to training clips: people who talk at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from open_seq2seq.data.running_speech import RunningSpeech, find_speech
from open_seq2seq.errors import UserError, named

_KEY = "data_layer_params/background_speech"
_TABLE_S, _SCENE_S = 300.0, 10.0  # of the table, and of the same people
_TALKERS = (3, 8)
_LEVEL = 0.1  # RMS of all talkers together, 1 is full scale
_STREAM = 0x626162626C65  # sets its draws apart from others of the seed


def find_talkers(background_speech: str) -> tuple[str, ...]:
    """Return the paths of the recorded speech in a folder or a manifest.

    Raises:
        UserError: there is none.
    """
    return find_speech(_KEY, background_speech)


def babble_table(paths: Sequence[str], sample_rate: int, block: int, seed: int) -> np.ndarray:
    """Return five minutes of babble, float32 [blocks, block], of the RMS 0.1.

    Every ten seconds there are others who talk, three to eight, each at the same RMS.

    Args:
        paths: of recorded speech.
        sample_rate: in Hz.
        block: samples of a row.
        seed: of who talks when.

    Raises:
        UserError: a recording cannot be read, or nothing is heard in them.
    """
    speech = RunningSpeech(paths, sample_rate, _KEY)
    rng = np.random.default_rng([seed, _STREAM])
    n_samples = max(1, round(_SCENE_S * sample_rate) // block) * block
    scenes = [_scene(speech, n_samples, rng) for _ in range(round(_TABLE_S / _SCENE_S))]
    table = np.concatenate(scenes).reshape(-1, block)
    if not table.any():
        raise UserError(
            f"{_KEY}: nothing but digital silence in {named(paths, 3)}; name other recordings, or "
            "say None"
        )
    return table


def _scene(speech: RunningSpeech, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    together: np.ndarray = np.zeros(n_samples, np.float32)
    for position in rng.random(rng.integers(*_TALKERS, endpoint=True)):
        together += _at_level(speech.cut(position, n_samples).astype(np.float32), 1.0)
    return _at_level(together, _LEVEL)


def _at_level(samples: np.ndarray, rms: float) -> np.ndarray:
    """Return sound at a level, and silence as it is."""
    own = np.sqrt(np.square(samples, dtype=np.float64).mean())
    scaled: np.ndarray = samples * np.float32(rms / own) if own else samples
    return scaled
