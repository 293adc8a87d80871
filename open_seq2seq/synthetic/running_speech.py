"""Running speech without keywords: recordings of sentences by synthetic voices of many languages.

Each recording is one voice in one room. Voices of training, validation and test are of different
families, as those of `phrases` with the same seed are.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import signal
import wave
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from open_seq2seq.data.official_split import Split
from open_seq2seq.synthetic.espeak import Espeak, Utterance
from open_seq2seq.synthetic.noise import NOISE_KINDS, SAMPLE_RATE, make_noise
from open_seq2seq.synthetic.phrases import voices_per_split
from open_seq2seq.synthetic.pronunciation import Pronunciation, pronounce
from open_seq2seq.synthetic.recording import PEAK_DBFS, add_room, filter_by_microphone, to_pcm16
from open_seq2seq.synthetic.sentences import LANGUAGES, english_sentence, foreign_sentence, says
from open_seq2seq.synthetic.speakers import Speaker, make_speakers
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.synthetic.workers import resample

RECORDING_S = 60.0
_PAUSE_S = (0.1, 1.0)  # between two sentences
_SNR_DB = (10.0, 40.0)
_ENGLISH_PROBABILITY = 0.5  # of a recording
_MOST_TRIES = 50  # for a sentence without keywords

_KINDS = tuple(kind for kind in NOISE_KINDS if kind != "babble")


def write_speech(
    folder: Path,
    minutes: Mapping[Split, float],
    keywords: Sequence[str],
    words: Sequence[str],
    *,
    seed: int = 0,
    n_voices: int = 200,
    on_progress: Callable[[float], None] = lambda minutes: None,
) -> None:
    """Write recordings of a minute, 16 kHz mono PCM16, in a new folder for each split.

    The same arguments give the same bytes.

    Args:
        folder: where the folders are made.
        minutes: of speech, for each split.
        keywords: what is not said, nor what sounds like it.
        words: English words for the sentences; none of them sounds like a keyword.
        seed: of voices and all other draws; voices are in the splits of `phrases.write_phrases`.
        n_voices: number of voices, four fifths of them for training.
        on_progress: called with the minutes that were written since the last call.

    Raises:
        UserError: espeak-ng is missing.
        OSError: a recording cannot be written.
    """
    speakers = make_speakers(voices_per_split(n_voices), seed)
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        jobs: dict[Future[None], float] = {}
        for split, length in minutes.items():
            (folder / split).mkdir(parents=True)
            # one process for each split, since what espeak-ng says depends on what it has said
            pool = stack.enter_context(ProcessPoolExecutor(1, context, initializer=_ignore_ctrl_c))
            stack.push(functools.partial(_give_up, pool))
            for index in range(math.ceil(length)):
                seconds = min(RECORDING_S, 60 * (length - index))
                arguments = (folder / split, index, seconds, speakers[split], keywords, words)
                jobs[pool.submit(_write_recording, *arguments, seed)] = seconds / 60
        for job in as_completed(jobs):
            job.result()
            on_progress(jobs[job])


def _give_up(pool: ProcessPoolExecutor, kind: type | None, *error: object) -> None:
    """Leave out what is not begun, after an error or Ctrl-C."""
    if kind is not None:
        pool.shutdown(cancel_futures=True)


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it


def _write_recording(
    folder: Path,
    index: int,
    seconds: float,
    speakers: Sequence[Speaker],
    keywords: Sequence[str],
    words: Sequence[str],
    seed: int,
) -> None:
    """Write one recording; its draws depend on the seed, the split and its number alone."""
    rng = generator(seed, "running speech", folder.name, index)
    speaker = speakers[int(rng.integers(len(speakers)))]
    language = speaker.accent
    if rng.random() >= _ENGLISH_PROBABILITY:
        language = list(LANGUAGES)[int(rng.integers(len(LANGUAGES)))]
    sound = _speech(round(seconds * SAMPLE_RATE), speaker, language, keywords, words, rng)
    level = np.sqrt(np.mean(np.square(sound)))
    sound = add_room(sound, rng)[: len(sound)]
    noise = make_noise(_KINDS[int(rng.integers(len(_KINDS)))], rng, len(sound), ())
    sound += noise * level * 10 ** (-rng.uniform(*_SNR_DB) / 20)
    sound = filter_by_microphone(sound, rng)
    with wave.open(str(folder / f"{index:04d}-{language}-{speaker.id}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(to_pcm16(sound, rng.triangular(*PEAK_DBFS)).astype("<i2").tobytes())


def _speech(
    n_samples: int,
    speaker: Speaker,
    language: str,
    keywords: Sequence[str],
    words: Sequence[str],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return sentences with pauses between them, float64 [n_samples]."""
    wanted = [pronounce(keyword) for keyword in keywords]
    espeak = Espeak()  # after that: the library speaks to the one that was made last
    pieces: list[np.ndarray] = []
    n_done = 0
    while n_done < n_samples:
        text = _sentence(language, words, wanted, espeak, rng)
        utterance = Utterance(
            text=text,
            accent=language,
            voice=speaker.voice,
            rate_wpm=round(speaker.rate_wpm * rng.uniform(0.9, 1.3)),
            pitch=speaker.pitch + int(rng.integers(-4, 5)),
            pitch_range=speaker.pitch_range,
        )
        pause = np.zeros(round(rng.uniform(*_PAUSE_S) * SAMPLE_RATE))
        pieces += [resample(espeak.say(utterance), speaker), pause]
        n_done += sum(map(len, pieces[-2:]))
    return np.concatenate(pieces)[:n_samples]


def _sentence(
    language: str,
    words: Sequence[str],
    keywords: Sequence[Pronunciation],
    espeak: Espeak,
    rng: np.random.Generator,
) -> str:
    text = ""
    for _ in range(_MOST_TRIES):
        if language in LANGUAGES:
            text = foreign_sentence(language, rng)
        else:
            text = english_sentence(words, rng)
        if not says(espeak.phonemes(text, language), keywords):
            break
    return text
