"""Processes that speak and record scenes, and the files that the scenes are written to."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.official_split import Split
from open_seq2seq.data.wav_files import as_bytes, open_wav
from open_seq2seq.synthetic import scene_workers, workers
from open_seq2seq.synthetic.noise import SAMPLE_RATE
from open_seq2seq.synthetic.production import N_TALKERS
from open_seq2seq.synthetic.scene_workers import Scene
from open_seq2seq.synthetic.scenes import Turn, Writer
from open_seq2seq.synthetic.speakers import Speaker
from open_seq2seq.synthetic.streams import generator

_RECORDING_MIN = 4.0  # about the length of a recording

OnProgress = Callable[[float], None]


class SaidSentence(NamedTuple):
    """A sentence in a recording."""

    recording: str  # name of the file
    start: float  # seconds
    end: float
    speaker: str
    language: str  # "en" for every English accent
    text: str


@contextlib.contextmanager
def open_studio(
    writer: Writer, talkers: Sequence[Speaker], seed: int, n_jobs: int
) -> Iterator[Studio]:
    """Yield a studio of one process that speaks and ``n_jobs`` that record.

    Args:
        writer: draws the sentences, those of babble noise too.
        talkers: the voices of babble noise, the first of them.
        seed: seed of all random draws.
        n_jobs: number of recording processes.
    """
    context = multiprocessing.get_context("spawn")
    rng = generator(seed, "babble")
    heard = list(talkers[:N_TALKERS])
    texts = tuple(writer.english(speaker.accent, rng) for speaker in heard)
    with ProcessPoolExecutor(1, context) as speaking:
        # not as the executor's initializer, which would hide the error's message
        speaking.submit(workers.start_speaking).result()
        sentences = speaking.submit(workers.speak_sentences, heard, texts).result()
        with ProcessPoolExecutor(
            n_jobs, context, workers.start_recording, (sentences,)
        ) as recording:
            try:
                yield Studio(writer, seed, speaking, recording, 2 * n_jobs)
            except BaseException:
                recording.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the rest
                raise


class Studio:
    """Makes recordings; use `open_studio`."""

    def __init__(
        self,
        writer: Writer,
        seed: int,
        speaking: ProcessPoolExecutor,
        recording: ProcessPoolExecutor,
        most_waiting: int,
    ) -> None:
        self._writer, self._seed = writer, seed
        self._speaking, self._recording = speaking, recording
        self._most_waiting = most_waiting  # scenes in memory

    def record(
        self,
        folder: Path,
        minutes: float,
        split: Split,
        speakers: Sequence[Speaker],
        on_progress: OnProgress,
    ) -> list[SaidSentence]:
        """Write recordings of about the same length, ``minutes`` together; see `sentences`."""
        n_samples = round(minutes * 60 * SAMPLE_RATE)
        n_recordings = max(1, round(minutes / _RECORDING_MIN))
        ends = [n_samples * (i + 1) // n_recordings for i in range(n_recordings)]
        said: list[SaidSentence] = []
        for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            path = folder / f"{i:03d}.wav"
            said += self._write(path, end - start, (split, i), speakers, on_progress)
        return said

    def _write(
        self,
        path: Path,
        n_samples: int,
        names: tuple[str | int, ...],
        speakers: Sequence[Speaker],
        on_progress: OnProgress,
    ) -> list[SaidSentence]:
        said: list[SaidSentence] = []
        waiting: deque[Future[np.ndarray]] = deque()
        at = n_scenes = 0
        with open_wav(path, SAMPLE_RATE) as file:

            def write_next() -> None:
                pcm = waiting.popleft().result()
                file.writeframesraw(as_bytes(pcm))
                on_progress(len(pcm) / SAMPLE_RATE)

            while at < n_samples:
                own = (*names, n_scenes)
                turns = self._writer.scene(speakers, self._seed, *own)
                scene = self._speaking.submit(
                    scene_workers.speak_scene, turns, n_samples - at, self._seed, own
                ).result()
                waiting.append(
                    self._recording.submit(scene_workers.record_scene, scene, self._seed, own)
                )
                said += _said(scene, turns, at, path.name)
                at, n_scenes = at + scene.n_samples, n_scenes + 1
                if len(waiting) > self._most_waiting:
                    write_next()
            while waiting:
                write_next()
        return said


def _said(scene: Scene, turns: Sequence[Turn], at: int, name: str) -> list[SaidSentence]:
    """Return the sentences of a scene that begins at sample ``at`` of a recording."""
    rows = []
    for spoken in scene.spoken:
        turn = turns[spoken.turn]
        sentence = turn.sentences[spoken.sentence]
        start = at + spoken.start
        rows.append(
            SaidSentence(
                name,
                start / SAMPLE_RATE,
                (start + len(spoken.samples)) / SAMPLE_RATE,
                turn.speaker.id,
                sentence.language,
                sentence.text,
            )
        )
    return rows
