"""Write a synthetic dataset in the layout of the Speech Commands archives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from open_seq2seq.data.official_split import PUBLISHED_LISTS
from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.noise import NOISE_KINDS
from open_seq2seq.synthetic.plan import MIN_CLIPS_PER_WORD, plan_clips
from open_seq2seq.synthetic.production import write_sounds
from open_seq2seq.system.cores import n_cores
from open_seq2seq.system.new_folder import new_folder

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
    with new_folder(output_dir) as folder:
        for name in (*words, "_background_noise_"):
            (folder / name).mkdir()
        write_sounds(folder, clips, seed, n_jobs or n_cores(), on_progress, noises=NOISE_KINDS)
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
