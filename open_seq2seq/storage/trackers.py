"""Trackers of runs, Weights & Biases and MLflow, behind one small interface."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from open_seq2seq.errors import UserError
from open_seq2seq.system.files import write_text

FILE = "trackers.json"  # names of the runs at their trackers, to continue them
_LONGEST = 500  # characters of a parameter, MLflow's limit
_MOST_PARAMS = 100  # of one request to MLflow

Outcome: TypeAlias = Literal["FINISHED", "KILLED", "FAILED"]

logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """A run at a tracker."""

    id: str

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record values of a training step."""

    def finish(self, outcome: Outcome) -> None:
        """Say how the run has ended."""


def check(names: Sequence[str]) -> None:
    """Refuse trackers whose packages are not installed.

    Raises:
        UserError: one is not.
    """
    for name in names:
        if find_spec(name) is None:
            raise UserError(
                f"trackers: {name} is not installed; "
                f'pip install "open-seq2seq-speech-commands[{name}]"'
            )


class Trackers:
    """The trackers of a run; one that fails is given up with a warning, and the run continues.

    Attributes:
        outcome: how the run has ended; until it is set, it has failed.
    """

    def __init__(
        self, names: Sequence[str], logdir: Path, project: str, parameters: Mapping[str, Any]
    ) -> None:
        """Begin a run at each tracker, or continue it.

        Args:
            names: wandb or mlflow.
            logdir: of the run, whose last part is the run's name.
            project: that the run belongs to.
            parameters: of the run, in JSON's types.
        """
        self.outcome: Outcome = "FAILED"
        self._open: dict[str, Tracker] = {}
        ids = _read_ids(logdir)
        for name in names:
            with _Tolerance(self, name):
                self._open[name] = _KINDS[name](logdir, project, parameters, ids.get(name))
        ids |= {name: tracker.id for name, tracker in self._open.items()}
        with _Tolerance(self, FILE):
            write_text(logdir / FILE, json.dumps(ids) + "\n")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record values of a training step; those that are not finite are left out."""
        finite = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        for name, tracker in list(self._open.items()):
            with _Tolerance(self, name):
                tracker.log(step, finite)

    def finish(self) -> None:
        """Say how the run has ended: as `outcome` says."""
        for name, tracker in list(self._open.items()):
            with _Tolerance(self, name):
                tracker.finish(self.outcome)
        self._open = {}

    def give_up(self, name: str, error: Exception) -> None:
        """Go on without a tracker."""
        self._open.pop(name, None)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        logger.warning("trackers: %s fails (%s); the run continues without it", name, reason)


class _Tolerance:
    """A context in which a tracker may fail with anything: its server may be gone."""

    def __init__(self, trackers: Trackers, name: str) -> None:
        self._trackers, self._name = trackers, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        self._trackers.give_up(self._name, error)
        return True


class _WandbRun:
    """A run at Weights & Biases; WANDB_MODE=offline keeps it in ``logdir/wandb``."""

    def __init__(
        self, logdir: Path, project: str, parameters: Mapping[str, Any], known: str | None
    ) -> None:
        import wandb

        self._run = wandb.init(
            project=project,
            name=logdir.resolve().name,
            dir=str(logdir),
            config=dict(parameters),
            id=known,
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )
        # an own axis: a run that is continued repeats some steps, which W&B's counter refuses
        self._run.define_metric("*", step_metric="step")
        self.id = str(self._run.id)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({"step": step, **values})

    def finish(self, outcome: Outcome) -> None:
        self._run.finish(exit_code=0 if outcome == "FINISHED" else 1)


class _MlflowRun:
    """A run at MLflow, at MLFLOW_TRACKING_URI, by default in ``logdir/mlflow.db``."""

    def __init__(
        self, logdir: Path, project: str, parameters: Mapping[str, Any], known: str | None
    ) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        # that it makes the tables of a new file
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        # an address, in which these two letters mean something
        folder = str(logdir.resolve()).replace("%", "%25").replace("?", "%3F")
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder}/mlflow.db"
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if known is not None:
            self.id = known
            self._client.update_run(known, status="RUNNING")
            return
        experiment = self._client.get_experiment_by_name(project)
        experiment_id = (
            experiment.experiment_id if experiment else self._client.create_experiment(project)
        )
        run = self._client.create_run(experiment_id, run_name=logdir.resolve().name)
        self.id = str(run.info.run_id)
        params = [Param(_key(key), str(value)[:_LONGEST]) for key, value in parameters.items()]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self.id, params=params[start : start + _MOST_PARAMS])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now_ms = int(1000 * time.time())
        metrics = [Metric(_key(name), value, now_ms, step) for name, value in values.items()]
        self._client.log_batch(self.id, metrics=metrics)

    def finish(self, outcome: Outcome) -> None:
        self._client.set_terminated(self.id, outcome)


_KINDS: dict[str, Callable[..., Tracker]] = {"wandb": _WandbRun, "mlflow": _MlflowRun}


def _key(name: str) -> str:
    """Return a name with characters that MLflow takes."""
    return "".join(char if char.isalnum() or char in "_-./ " else "_" for char in name)


def _read_ids(logdir: Path) -> dict[str, str]:
    try:
        ids = json.loads((logdir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(known) for name, known in ids.items()} if isinstance(ids, dict) else {}
