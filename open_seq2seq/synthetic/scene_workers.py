"""Worker processes of running speech: one speaks, the others record scenes.

As in `workers`, one process speaks everything in the plan's order, so that the same plan gives the
same bytes however many processes record.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.synthetic import workers
from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, make_noise
from open_seq2seq.synthetic.recording import SNR_DB, add_room, filter_by_microphone, to_pcm16
from open_seq2seq.synthetic.scenes import Turn
from open_seq2seq.synthetic.streams import generator

_START_S = (0.1, 1.0)
_BETWEEN_SENTENCES_S, _BETWEEN_TURNS_S, _END_S = (0.15, 0.9), (0.3, 2.0), (0.2, 1.0)
_LEAST_LEFT_S = 4.0  # what is less is no scene of its own
_MULTIPLE = SAMPLE_RATE // 10  # an FFT of a length with large prime factors takes longer
_LEVEL_DB = 3.0  # standard deviation of the voices of a scene
_PEAK_DBFS = (-35.0, -10.0, -1.0)  # of a scene: lowest, most frequent, highest
_FADE_SAMPLES = SAMPLE_RATE // 50  # between scenes, or else each would begin with a click


class Spoken(NamedTuple):
    """A sentence in a scene."""

    turn: int
    sentence: int
    start: int  # in samples
    samples: np.ndarray  # float32 at `SAMPLE_RATE`


class Scene(NamedTuple):
    """Sentences, each with its place; ``n_samples`` long."""

    spoken: tuple[Spoken, ...]
    n_samples: int


def speak_scene(
    turns: tuple[Turn, ...], most_samples: int, seed: int, names: tuple[str | int, ...]
) -> Scene:
    """Say the sentences and give each its place, with pauses between them.

    From the first sentence on that does not fit nothing is said. What would be left of
    ``most_samples`` belongs to the scene where it is only a few seconds.
    """
    rng = generator(seed, "pauses", *names)
    at = _draw_samples(rng, _START_S)
    spoken: list[Spoken] = []
    end = 0
    for i, turn in enumerate(turns):
        for k, sentence in enumerate(turn.sentences):
            speech = workers.say(sentence.utterance)
            samples = workers.resample(speech, turn.speaker).astype(np.float32)
            tail = _draw_samples(rng, _END_S)
            if at + len(samples) + tail > most_samples:
                return Scene(tuple(spoken), most_samples)
            spoken.append(Spoken(i, k, at, samples))
            end = at + len(samples) + tail
            at += len(samples) + _draw_samples(rng, _BETWEEN_SENTENCES_S)
        at += _draw_samples(rng, _BETWEEN_TURNS_S)
    end = -(-end // _MULTIPLE) * _MULTIPLE
    if most_samples - end < _LEAST_LEFT_S * SAMPLE_RATE:
        end = most_samples
    return Scene(tuple(spoken), end)


def record_scene(scene: Scene, seed: int, names: tuple[str | int, ...]) -> np.ndarray:
    """Return a scene, int16 [n_samples]: each voice in its place of a room, noise, a microphone."""
    rng = generator(seed, "recording", *names)
    sound = np.zeros(scene.n_samples)
    for turn in sorted({each.turn for each in scene.spoken}):
        own = [each for each in scene.spoken if each.turn == turn]
        first, last = own[0].start, own[-1].start + len(own[-1].samples)
        dry = np.zeros(last - first)
        for each in own:
            dry[each.start - first : each.start - first + len(each.samples)] = each.samples
        level = 10 ** (rng.normal(0, _LEVEL_DB) / 20)
        wet = level * add_room(dry, rng)[: scene.n_samples - first]
        sound[first : first + len(wet)] += wet
    kind = NOISE_KINDS[int(rng.integers(len(NOISE_KINDS)))]
    noise = make_noise(kind, rng, scene.n_samples, workers.talkers())
    snr_db = rng.uniform(*SNR_DB)
    sound += noise * _speech_rms(scene, sound) * 10 ** (-snr_db / 20)
    pcm = to_pcm16(filter_by_microphone(sound, rng), rng.triangular(*_PEAK_DBFS))
    return _faded(pcm)


def _speech_rms(scene: Scene, sound: np.ndarray) -> float:
    """Return the RMS of the sentences alone; 1 where there is none."""
    n_spoken = sum(len(each.samples) for each in scene.spoken)
    if not n_spoken:
        return 1.0
    return float(np.sqrt(np.square(sound).sum() / n_spoken))


def _faded(pcm: np.ndarray) -> np.ndarray:
    """Return int16 samples that begin and end with zero."""
    n = min(_FADE_SAMPLES, len(pcm) // 2)
    ramp = np.linspace(0, 1, n, endpoint=False)
    faded = pcm.astype(np.float64)
    faded[:n] *= ramp
    faded[len(pcm) - n :] *= ramp[::-1]
    return np.round(faded).astype(np.int16)


def _draw_samples(rng: np.random.Generator, seconds: tuple[float, float]) -> int:
    return round(rng.uniform(*seconds) * SAMPLE_RATE)
