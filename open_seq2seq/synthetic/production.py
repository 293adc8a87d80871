"""Many clips at once: one process speaks, others record."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from open_seq2seq.synthetic import workers
from open_seq2seq.synthetic.plan import Clip
from open_seq2seq.synthetic.speakers import Speaker

_BATCH = 64  # clips per task
N_TALKERS = 24  # of training, to keep validation and test voices unheard


def write_sounds(
    folder: Path,
    clips: list[Clip],
    seed: int,
    n_jobs: int,
    on_progress: Callable[[int], None],
    noises: Sequence[str] = (),
    clip_s: float = 1.0,
    talkers: Sequence[Speaker] | None = None,
) -> None:
    """Write ``clips`` to ``folder``, where their folders are, and ``noises`` as background.

    The same arguments produce the same bytes, whatever ``n_jobs`` is.

    Args:
        folder: where the paths of the clips begin.
        clips: what is said, and by whom.
        seed: seed of all random draws.
        n_jobs: number of recording processes.
        on_progress: called with the number of clips that were written since the last call.
        noises: kinds of `NOISE_KINDS` to write, a minute each.
        clip_s: length of a clip in seconds.
        talkers: the voices of babble noise, the first of them; None: those of the training clips.
    """
    if talkers is None:
        talkers = list(
            {
                clip.speaker.id: clip.speaker for clip in clips if clip.speaker.split == "train"
            }.values()
        )
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as speaking:
        # not as the executor's initializer, which would hide the error's message
        speaking.submit(workers.start_speaking).result()
        sentences = speaking.submit(workers.speak_sentences, list(talkers[:N_TALKERS])).result()
        running: deque[Future[int]] = deque()
        with ProcessPoolExecutor(
            n_jobs, context, workers.start_recording, (sentences,)
        ) as recording:
            try:
                for first in range(0, len(clips), _BATCH):
                    batch = clips[first : first + _BATCH]
                    speech = speaking.submit(workers.speak, batch, seed, clip_s).result()
                    running.append(
                        recording.submit(workers.write_clips, folder, batch, speech, seed, clip_s)
                    )
                    if len(running) > 2 * n_jobs:  # bounds the speech in memory
                        on_progress(running.popleft().result())
                background = folder / "_background_noise_"
                pending = [
                    recording.submit(workers.write_background, background, kind, seed)
                    for kind in noises
                ]
                for clips_done in running:
                    on_progress(clips_done.result())
                for noise_done in pending:
                    noise_done.result()
            except BaseException:
                recording.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the rest
                raise
