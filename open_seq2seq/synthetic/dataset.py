"""Write a synthetic dataset in the layout of the Speech Commands archives."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from open_seq2seq.data.official_split import PUBLISHED_LISTS
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic import workers
from open_seq2seq.synthetic.noise import NOISE_KINDS
from open_seq2seq.synthetic.plan import MIN_CLIPS_PER_WORD, Clip, plan_clips
from open_seq2seq.synthetic.speakers import Speaker
from open_seq2seq.system.cores import n_cores
from open_seq2seq.system.files import is_vacant, partial_path, written_aside

_BATCH = 64  # clips per task
_N_TALKERS = 24

_README = """\
Synthetic speech in the layout of Google's Speech Commands dataset
==================================================================

No person speaks here, and none of the recordings is Google's: every word was said by the
formant synthesiser espeak-ng and mixed with generated noise by open-seq2seq-synthesize. It is meant
for trying out training and evaluation without a download. An accuracy on these clips says nothing
about human speech.

Words: {words}
Clips per word: {clips_per_word}
Seed: {seed}

The splits follow the official rule: SHA-1 of the speaker's name, 10 % validation, 10 % testing. No
voice of espeak-ng is in two splits. _background_noise_ has generated noises of one minute each.
"""


def make_dataset(
    output_dir: Path,
    words: Sequence[str],
    clips_per_word: int,
    seed: int = 0,
    n_jobs: int = 0,
    on_progress: Callable[[int], None] = lambda n_clips: None,
) -> int:
    """Write ``clips_per_word`` clips of every word, the background noises and the split lists.

    The same arguments produce the same bytes, whatever ``n_jobs`` is. The folder appears when all
    is written. Until then it is ``<output_dir>.partial``, which an error or Ctrl-C removes.

    Args:
        output_dir: a folder that does not exist or is empty.
        words: the words, of plain letters a to z.
        clips_per_word: at least `MIN_CLIPS_PER_WORD`; about a tenth is for validation and another
            for testing.
        seed: seed of all random draws, 0 or more.
        n_jobs: number of recording processes; 0: one per core.
        on_progress: called with the number of clips that were written since the last call.

    Returns:
        the number of clips.

    Raises:
        UserError: an argument is invalid, ``output_dir`` is not empty or cannot be written, or
            espeak-ng is missing.
    """
    _check(words, clips_per_word, seed, n_jobs)
    clips = plan_clips(words, clips_per_word, seed)
    with partial_folder(output_dir) as folder:
        for name in (*words, "_background_noise_"):
            (folder / name).mkdir()
        _write_sounds(folder, clips, seed, n_jobs or n_cores(), on_progress)
        for split, list_name in PUBLISHED_LISTS.items():
            paths = sorted(clip.path for clip in clips if clip.speaker.split == split)
            (folder / list_name).write_text(
                "".join(f"{path}\n" for path in paths), encoding="utf-8", newline="\n"
            )
        readme = _README.format(words=" ".join(words), clips_per_word=clips_per_word, seed=seed)
        (folder / "README.md").write_text(readme, encoding="utf-8", newline="\n")
    return len(clips)


def _check(words: Sequence[str], clips_per_word: int, seed: int, n_jobs: int) -> None:
    if not words:
        raise UserError("words: none given, expected one or more, such as yes,no")
    for word in words:
        if not (word.isascii() and word.isalpha() and word.islower()):
            raise UserError(
                f"words: {word!r}, expected only letters a to z, in lower case and without spaces"
            )
        if words.count(word) > 1:
            raise UserError(f"words: {word!r} appears twice; name each word once")
    if clips_per_word < MIN_CLIPS_PER_WORD:
        raise UserError(
            f"clips_per_word: {clips_per_word}, expected {MIN_CLIPS_PER_WORD} or more, "
            "at least one for each split"
        )
    if seed < 0:
        raise UserError(f"seed: {seed}, expected 0 or more")
    if n_jobs < 0:
        raise UserError(
            f"n_jobs: {n_jobs}, expected the number of processes, or 0 for one per core"
        )


@contextmanager
def partial_folder(output_dir: Path) -> Iterator[Path]:
    """Yield a folder that is renamed to ``output_dir`` at the end, or removed after an error."""
    output_dir = output_dir.expanduser().resolve()
    partial = partial_path(output_dir)
    try:
        if not is_vacant(output_dir):
            raise UserError(
                f"output_dir: {output_dir} exists and is not an empty folder; name a new one, or "
                "delete it first"
            )
        if partial.exists():
            raise UserError(
                f"output_dir: {partial} exists, left by a run that was killed or that is still "
                "going on; delete it, or name another folder"
            )
        partial.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(output_dir) as folder:
            folder.mkdir()
            yield folder
    except OSError as error:
        raise UserError(
            f"output_dir: cannot write {output_dir} ({error.strerror or error}); "
            "name a folder on a writable disk"
        ) from None


def _write_sounds(
    folder: Path, clips: list[Clip], seed: int, n_jobs: int, on_progress: Callable[[int], None]
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as speaking:
        # not as the executor's initializer, which would hide the error's message
        speaking.submit(workers.start_speaking).result()
        talkers = speaking.submit(workers.speak_sentences, _choose_talkers(clips)).result()
        running: deque[Future[int]] = deque()
        with ProcessPoolExecutor(n_jobs, context, workers.start_recording, (talkers,)) as recording:
            try:
                for first in range(0, len(clips), _BATCH):
                    batch = clips[first : first + _BATCH]
                    speech = speaking.submit(workers.speak, batch, seed).result()
                    running.append(
                        recording.submit(workers.write_clips, folder, batch, speech, seed)
                    )
                    if len(running) > 2 * n_jobs:  # bounds the speech in memory
                        on_progress(running.popleft().result())
                background = folder / "_background_noise_"
                noises = [
                    recording.submit(workers.write_background, background, kind, seed)
                    for kind in NOISE_KINDS
                ]
                for clips_done in running:
                    on_progress(clips_done.result())
                for noise_done in noises:
                    noise_done.result()
            except BaseException:
                recording.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the rest
                raise


def _choose_talkers(clips: list[Clip]) -> list[Speaker]:
    """Return speakers for the babble: of training, to keep validation and test voices unheard."""
    speakers = {clip.speaker.id: clip.speaker for clip in clips if clip.speaker.split == "train"}
    return list(speakers.values())[:_N_TALKERS]
