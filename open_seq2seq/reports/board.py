"""A run for TensorBoard: config, hyperparameters, confusion matrices, misheard clips to hear."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np

from open_seq2seq.data.audio import BadAudioError, as_wav, read_wav
from open_seq2seq.lazy import tf
from open_seq2seq.reports.labels import confusion
from open_seq2seq.reports.recorded import Evaluated, Recorded
from open_seq2seq.storage.starts import RunStart

_MISHEARD = 10  # clips of a split
_RATE = 16000  # Hz of the sound
_LONGEST_TEXT = 200  # characters of a hyperparameter

# section of TensorBoard, and what writes a summary to its writer
Summary: TypeAlias = tuple[str, Callable[[], Any]]


def summaries_of(run: Recorded, pictures: dict[str, np.ndarray]) -> Iterator[Summary]:
    """Yield what is written when a run has ended.

    Args:
        run: what it has recorded.
        pictures: by their names, uint8 [height, width, 3].
    """
    if run.starts:
        start = run.starts[-1]
        parameters = json.dumps(start.parameters, indent=1, sort_keys=True)
        yield "train", partial(_text, "config", start.config_text)
        yield "train", partial(_text, "parameters", parameters)
        yield "train", partial(_hyperparameters, start)
        # its plugin finds metrics beside the hyperparameters alone
        for split, evaluated in run.evaluations.items():
            yield "train", partial(_scalar, f"final/{split}_accuracy", evaluated.record.top1)
    for name, picture in pictures.items():
        yield "train", partial(_image, name, picture)
    for split, evaluated in run.evaluations.items():
        if find_spec("matplotlib") is not None:
            yield split, partial(_image, "confusion", _matrix(evaluated))
        for name, samples in _misheard(evaluated):
            yield split, partial(_sound, name, samples)


def _text(name: str, text: str) -> None:
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    tf.summary.text(name, f"```\n{shown}\n```")


def _scalar(name: str, value: float) -> None:
    tf.summary.scalar(name, np.float32(value))


# encoded here: TensorFlow's own way stacks strings, of which oneDNN complains on some CPUs
def _image(name: str, picture: np.ndarray) -> None:
    from PIL import Image
    from tensorboard.plugins.image import metadata

    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    height, width = picture.shape[:2]
    values = [str(width).encode(), str(height).encode(), file.getvalue()]
    tf.summary.write(name, tf.constant(values), metadata=metadata.create_summary_metadata("", ""))


def _sound(name: str, samples: np.ndarray) -> None:
    from tensorboard.plugins.audio import metadata

    values = [[as_wav(samples, _RATE), b""]]
    wav = metadata.Encoding.Value("WAV")
    tf.summary.write(
        name, tf.constant(values), metadata=metadata.create_summary_metadata("", "", wav)
    )


def _hyperparameters(start: RunStart) -> None:
    from tensorboard.plugins.hparams import api

    values = {
        key: value if isinstance(value, bool | int | float) else str(value)[:_LONGEST_TEXT]
        for key, value in start.parameters.items()
        if value is not None
    }
    api.hparams(values)


def _misheard(evaluated: Evaluated) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and samples, int16 [samples], of the surest mistakes."""
    clips = evaluated.clips
    wrong = clips[clips["label"] != clips["prediction"]]
    surest = wrong.sort_values("probability", ascending=False, kind="stable").head(_MISHEARD)
    for number, row in enumerate(surest.itertuples(index=False), start=1):
        try:
            samples = read_wav(str(row.path), _RATE).samples
        except BadAudioError:
            continue
        name = f"misheard/{number:02} {row.label} taken for {row.prediction}"
        yield name.encode("utf-8", "backslashreplace").decode("utf-8"), samples


def _matrix(evaluated: Evaluated) -> np.ndarray:
    """Return the confusion matrix as a picture."""
    from open_seq2seq.reports.figures import draw_confusion, pixels_of

    labels = evaluated.record.labels
    return pixels_of(draw_confusion(confusion(evaluated.clips, labels), labels))
