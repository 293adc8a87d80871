"""Runs side by side: their configs, accuracies, and whether the differences mean anything."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import wilson_interval
from open_seq2seq.reports import recorded
from open_seq2seq.reports.contents import mean_of_known
from open_seq2seq.reports.recorded import Recorded
from open_seq2seq.reports.significance import Difference, difference

# parameters that say where a run is and how it is watched, not what it is
_IRRELEVANT = frozenset(
    {
        *("logdir", "random_seed", "trackers", "tracker_project", "write_report"),
        *("print_loss_steps", "print_samples_steps", "print_bench_info_steps"),
        *("save_summaries_steps", "summaries", "save_checkpoint_steps", "num_checkpoints"),
        *("check_ranks_steps", "worker_timeout_s", "rendezvous_timeout_s"),
    }
)
_ABSENT = "–"  # a parameter of another class
_UNKNOWN = "not recorded"  # all parameters of a run
_MOST_ALONE = 12  # clips that only one gets right, of each pair


class Model(NamedTuple):
    """Runs of one config."""

    name: str
    runs: list[Recorded]
    run_names: list[str]
    run_accuracies: list[float]
    is_right: np.ndarray  # fraction of the runs that get each clip right, [clips]

    @property
    def accuracy(self) -> float:
        """Mean over the runs."""
        return float(self.is_right.mean())


class Pair(NamedTuple):
    """Two models on the same clips."""

    first: str
    second: str
    difference: Difference
    alone: list[dict[str, Any]]  # clips that only one of them gets right


class Comparison(NamedTuple):
    """All that is said of several runs."""

    split: str
    clips: pd.DataFrame  # label, speaker, path, of those that all runs have heard
    n_left_out: int  # clips that not all of them have heard
    models: list[Model]
    pairs: list[Pair]
    parameters: list[tuple[str, list[Any]]]  # those that differ, with the value of each model


def compare(logdirs: Sequence[Path], split: str) -> Comparison:
    """Compare runs on the clips that all of them have heard.

    Args:
        logdirs: of two runs or more.
        split: test or val.

    Raises:
        UserError: a run has no record of that split, or they have no clips in common.
    """
    runs = [recorded.read(logdir) for logdir in logdirs]
    for run in runs:
        if split not in run.evaluations:
            raise UserError(
                f"{run.logdir}: what its model said of each clip of {split} is not recorded; "
                f"--mode=eval records it"
            )
    tables = [_keyed(run.evaluations[split].clips) for run in runs]
    common = tables[0].index
    for table in tables[1:]:
        common = common.intersection(table.index, sort=False)
    if not len(common):
        raise UserError(
            f"the runs have no clips of {split} in common; runs of one manifest and one "
            "sample_rate can be compared"
        )
    rights = [
        (table.loc[common, "label"] == table.loc[common, "prediction"]).to_numpy(float)
        for table in tables
    ]
    models = _models(runs, rights)
    clips = tables[0].loc[common, ["label", "speaker", "path"]].reset_index(drop=True)
    predictions = {
        run.logdir: table.loc[common, "prediction"].to_numpy(str)
        for run, table in zip(runs, tables, strict=True)
    }
    pairs = [_pair(one, two, clips, predictions) for one, two in itertools.combinations(models, 2)]
    n_left_out = len(set().union(*(table.index for table in tables))) - len(common)
    return Comparison(split, clips, n_left_out, models, pairs, _differing(models))


def _keyed(clips: pd.DataFrame) -> pd.DataFrame:
    """Return clips by what tells them from others: sound, label, and how often that came before.

    Not the path, which may be another one on another machine.
    """
    names = clips["digest"].where(clips["digest"] != "", clips["path"]) + " " + clips["label"]
    number = names.groupby(names).cumcount().astype(str)
    return clips.set_index(names + " " + number)


def _models(runs: Sequence[Recorded], rights: Sequence[np.ndarray]) -> list[Model]:
    """Put runs of one config together; one whose config is not recorded stands for itself."""
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        config = repr(_parameters(run)) if run.starts else f"run {index}"
        groups.setdefault(config, []).append(index)
    names = _names([run.logdir for run in runs])
    models = []
    for members in groups.values():
        name = names[members[0]]
        if len(members) > 1:
            seeds = {_seed(runs[index]) for index in members}
            what = "seed" if len(seeds) == len(members) else "run"
            n_more = len(members) - 1
            name += f" and another {what}" if n_more == 1 else f" and {n_more} more {what}s"
        own = [rights[index] for index in members]
        models.append(
            Model(
                name,
                [runs[index] for index in members],
                [f"{names[index]}{_seed(runs[index])}" for index in members],
                [float(each.mean()) for each in own],
                np.mean(own, axis=0),
            )
        )
    return models


def _seed(run: Recorded) -> str:
    seed = run.starts[-1].parameters.get("random_seed") if run.starts else None
    return "" if seed is None else f", seed {seed}"


def _names(logdirs: Sequence[Path]) -> list[str]:
    """Return what is not common to all paths."""
    paths = [str(path.resolve()) for path in logdirs]
    common = os.path.commonpath(paths) if len(set(paths)) > 1 else str(Path(paths[0]).parent)
    return [os.path.relpath(path, common) for path in paths]


def _parameters(run: Recorded) -> dict[str, Any]:
    values = run.starts[-1].parameters
    return {key: value for key, value in sorted(values.items()) if key not in _IRRELEVANT}


def _differing(models: Sequence[Model]) -> list[tuple[str, list[Any]]]:
    known = [_parameters(model.runs[0]) if model.runs[0].starts else {} for model in models]
    keys = sorted(set().union(*known))
    differing = [key for key in keys if len({repr(each.get(key)) for each in known if each}) > 1]
    return [
        (key, [each.get(key, _ABSENT) if each else _UNKNOWN for each in known]) for key in differing
    ]


def _pair(one: Model, two: Model, clips: pd.DataFrame, predictions: dict[Path, np.ndarray]) -> Pair:
    gains = two.is_right - one.is_right
    surest = np.argsort(-np.abs(gains), kind="stable")
    alone = []
    for sign in (-1, 1):  # those of the first model, then those of the second
        chosen = [row for row in surest if gains[row] * sign > 0][:_MOST_ALONE]
        alone += [
            {
                **clips.iloc[row].to_dict(),
                "first_said": _said(one, predictions, row),
                "second_said": _said(two, predictions, row),
            }
            for row in chosen
        ]
    found = difference(one.is_right, two.is_right, clips["speaker"].to_numpy(str))
    return Pair(one.name, two.name, found, alone)


def _said(model: Model, predictions: dict[Path, np.ndarray], row: int) -> str:
    """Return what the runs of a model say of a clip."""
    said = Counter(str(predictions[run.logdir][row]) for run in model.runs)
    if len(said) == 1:
        return next(iter(said))
    return ", ".join(f"{label} {n} of {len(model.runs)}" for label, n in said.most_common())


def interval_of(model: Model) -> tuple[float, float]:
    """Return the 95 % interval of a model's accuracy, Wilson's; seeds hear the same clips."""
    return wilson_interval(model.accuracy, len(model.is_right))


def facts_of(model: Model) -> dict[str, Any]:
    """Return size, speed and energy of a model; None for what is not recorded."""
    starts = [run.starts[-1] for run in model.runs if run.starts]
    return {
        "n_parameters": starts[0].n_parameters if starts else None,
        "multiply_adds": starts[0].multiply_adds if starts else None,
        "training_clips_per_s": mean_of_known(run.training_clips_per_s for run in model.runs),
        "energy_wh": mean_of_known(run.energy_wh for run in model.runs),
    }
