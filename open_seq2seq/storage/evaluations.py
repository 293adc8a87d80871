"""Records of evaluations: what a model said of each clip, and how the clip sounds.

``evaluations/SPLIT.csv`` has a row for each clip, ``evaluations/SPLIT.json`` what was evaluated.
Reports and comparisons are made of them, without the model and without the sound.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import Field, ValidationError

from open_seq2seq.components import Params, Text
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.measures import Measures, measure_files
from open_seq2seq.distributed import Workers
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation, Occasion
from open_seq2seq.storage.run_files import RunFiles
from open_seq2seq.storage.starts import digests_of
from open_seq2seq.system.files import write_text, written_aside
from open_seq2seq.system.paths import NAME_ERRORS

FOLDER = "evaluations"
# the path is last: a line that was cut short shows
_COLUMNS = (
    *("label", "prediction", "probability", "label_probability", "loss", "word", "speaker"),
    *Measures._fields,
    "path",
)
_TEXTS = ("label", "prediction", "word", "speaker", "digest", "path")


class EvaluationRecord(Params):
    """What was evaluated, and how it did."""

    mode: str = Field(description="Mode of the command.")
    split: str = Field(description="Split of the dataset, val or test.")
    step: int = Field(ge=0, description="Training step of the checkpoint.")
    epoch: float = Field(ge=0, description="Epochs that the checkpoint was trained for.")
    checkpoint: str = Field(description="Folder of the checkpoint within logdir.")
    dataset_version: Text = Field(description="Version of the dataset.")
    labels: list[Text] = Field(description="Labels, in index order.")
    n_clips: int = Field(gt=0, description="Number of clips.")
    loss: float | None = Field(description="Mean loss of the clips; None where it is not finite.")
    top1: float = Field(ge=0, le=1, description="Accuracy.")
    top5: float = Field(
        ge=0, le=1, description="Fraction of clips whose label is among five guesses."
    )
    seconds: float = Field(ge=0, description="Duration of the evaluation in seconds.")
    manifests: dict[Text, str] = Field(description="SHA-256 of each manifest, by its path.")
    sound: str = Field(description="SHA-256 of the digests of all clips, in their order.")
    ended: str = Field(description="Local time at which the evaluation ended.")


def record(
    files: RunFiles | None,
    workers: Workers,
    dataset: Dataset,
    evaluation: Evaluation,
    occasion: Occasion,
    manifests: Sequence[str],
    checkpoint: str,
) -> None:
    """Write the files of an evaluation; a warning says where they cannot be written.

    Args:
        files: of the run; None for no record.
        workers: all must call this, as they share the reading of clips.
        dataset: that was evaluated on.
        evaluation: with its clips.
        occasion: of the evaluation.
        manifests: paths of the dataset's manifests.
        checkpoint: folder of the checkpoint within logdir.
    """
    clips = _table(workers, dataset, evaluation)
    if files is None or not workers.is_chief:
        return
    loss = evaluation.loss
    saved = EvaluationRecord(
        **occasion._asdict(),
        **{name: getattr(evaluation, name) for name in ("n_clips", "top1", "top5", "seconds")},
        loss=loss if math.isfinite(loss) else None,
        checkpoint=checkpoint,
        labels=list(dataset.labels),
        manifests=digests_of(manifests),
        sound=hashlib.sha256("".join(clips["digest"].fillna("-")).encode()).hexdigest(),
        ended=time.strftime("%Y-%m-%d %H:%M:%S"),
    )
    _save(files, saved, clips)


def _table(workers: Workers, dataset: Dataset, evaluation: Evaluation) -> pd.DataFrame:
    """Return a row for each clip of an evaluation."""
    clips = evaluation.clips
    assert clips is not None
    rows = dataset.describe(0)
    paths = sorted(set(rows["path"]))
    share = measure_files(
        paths[workers.rank :: workers.size], dataset.params, dataset.params.sample_rate
    )
    measured = {path: each for part in workers.gather(share) for path, each in part.items()}
    unknown = (None,) * len(Measures._fields)
    of_rows = [
        each if isinstance(each := measured[path], Measures) else unknown for path in rows["path"]
    ]
    names = pd.Series(dataset.labels)
    given = pd.DataFrame(
        {
            "prediction": names[clips.predictions].to_numpy(),
            "probability": clips.probabilities,
            "label_probability": clips.of_label,
            "loss": clips.losses,
        }
    )
    sound = pd.DataFrame(of_rows, columns=Measures._fields)
    return pd.concat([rows, given, sound], axis=1)[list(_COLUMNS)]


def _save(files: RunFiles, saved: EvaluationRecord, clips: pd.DataFrame) -> None:
    folder = files.logdir / FOLDER
    with files.tolerating(FOLDER):
        folder.mkdir(exist_ok=True)
        with written_aside(folder / f"{saved.split}.csv") as partial:
            clips.to_csv(
                partial, index=False, lineterminator="\n", errors=NAME_ERRORS, float_format="%.6g"
            )
        text = json.dumps(saved.model_dump(), indent=1)
        write_text(folder / f"{saved.split}.json", text + "\n")


def load(logdir: Path, split: str) -> tuple[EvaluationRecord, pd.DataFrame] | None:
    """Return the record of a split's last evaluation and its clips, None where there is none.

    Raises:
        UserError: the files cannot be read.
    """
    path = logdir / FOLDER / f"{split}.json"
    try:
        text = _text(path)
        if text is None:
            return None
        saved = EvaluationRecord(**json.loads(text))
        clips = pd.read_csv(
            path.with_suffix(".csv"),
            dtype=dict.fromkeys(_TEXTS, str),
            keep_default_na=False,
            na_values={name: [""] for name in _COLUMNS if name not in _TEXTS},
            encoding_errors=NAME_ERRORS,
        )
        _check(saved, clips)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        if isinstance(error, ValidationError):
            problem = error.errors()[0]
            reason = f"{'/'.join(map(str, problem['loc']))}: {problem['msg']}"
        raise UserError(
            f"{path}: not a record of an evaluation ({reason}); evaluate again with --mode=eval"
        ) from None
    return saved, clips


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _check(saved: EvaluationRecord, clips: pd.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in clips]
    if missing:
        raise ValueError(f"its clips lack the column {missing[0]}")
    if len(clips) != saved.n_clips:
        raise ValueError(f"it has {len(clips)} clips, expected {saved.n_clips}")
    for name in ("label", "prediction"):
        unknown = clips[name][~clips[name].isin(saved.labels)]
        if len(unknown):
            raise ValueError(f"a clip's {name} {unknown.iloc[0]!r} is none of its labels")
    if not clips["path"].all():
        raise ValueError("a line of its clips was cut short")
