"""Trackers in their offline modes: what a run leaves there, and that their failure ends nothing."""

import json
import os
import signal
import struct
import time

import pytest

from open_seq2seq.errors import UserError
from open_seq2seq.storage.trackers import Trackers, check


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")


@pytest.fixture
def wandb(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    return pytest.importorskip("wandb", reason="the extra `wandb` is not installed")


def mlflow_run(logdir):
    from mlflow import MlflowClient

    uri = f"sqlite:///{logdir}/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiments = client.search_experiments(filter_string="name = 'tones'")
    (run,) = client.search_runs([experiments[0].experiment_id])
    return client, run


def history(client, run, name):
    return [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)]


@pytest.mark.slow
def test_mlflow_gets_parameters_and_what_is_logged(mlflow, tmp_path):
    trackers = Trackers(["mlflow"], tmp_path, "tones", {"a/b": 1, "size of [x]": "y" * 9999})
    trackers.log(3, {"val/top1": 0.25, "val/loss": float("nan")})
    trackers.outcome = "FINISHED"
    trackers.finish()
    # it goes on as the same run
    trackers = Trackers(["mlflow"], tmp_path, "tones", {"a/b": 1})
    trackers.log(6, {"val/top1": 0.75})
    trackers.outcome = "FINISHED"
    trackers.finish()
    client, run = mlflow_run(tmp_path)
    assert history(client, run, "val/top1") == [(3, 0.25), (6, 0.75)]
    assert history(client, run, "val/loss") == []
    assert run.data.params["a/b"] == "1" and len(run.data.params["size of _x_"]) == 500
    assert run.info.status == "FINISHED" and run.info.run_name == tmp_path.name


def wandb_records(logdir):
    """Return the records of an offline run.

    The file is a log as LevelDB's: seven bytes, then records with a head of checksum, length and
    type.
    """
    from wandb.proto import wandb_internal_pb2

    records = []
    (path,) = (logdir / "wandb").glob("offline-run-*/run-*.wandb")
    content = path.read_bytes()[7:]
    while len(content) >= 7:
        _, length, _ = struct.unpack("<IHB", content[:7])
        records.append(wandb_internal_pb2.Record.FromString(content[7 : 7 + length]))
        content = content[7 + length :]
    return records


def wandb_history(logdir):
    """Return the values of all steps, once W&B's own process has written the last record."""
    for _ in range(200):
        records = wandb_records(logdir)
        if records and records[-1].WhichOneof("record_type") == "exit":
            break
        time.sleep(0.05)
    return [
        {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


@pytest.mark.slow
def test_wandb_keeps_what_is_logged(wandb, tmp_path):
    trackers = Trackers(["wandb"], tmp_path, "tones", {"a/b": 1})
    trackers.log(3, {"val/top1": 0.25})
    trackers.log(2, {"val/top1": 0.5})  # a step that is taken again
    trackers.finish()
    rows = [(row["step"], row["val/top1"]) for row in wandb_history(tmp_path)]
    assert rows == [(3, 0.25), (2, 0.5)]
    known = json.loads((tmp_path / "trackers.json").read_text())["wandb"]
    assert list((tmp_path / "wandb").glob(f"offline-run-*-{known}"))


def test_a_run_that_does_not_reach_its_end_is_not_finished(mlflow, tmp_path):
    for outcome in ("FAILED", "KILLED", "FINISHED"):
        trackers = Trackers(["mlflow"], tmp_path, "tones", {})
        if outcome != "FAILED":
            trackers.outcome = outcome
        trackers.finish()
        assert mlflow_run(tmp_path)[1].info.status == outcome


@pytest.mark.slow
def test_a_run_that_is_stopped_is_killed_at_mlflow(mlflow, run, tmp_path, after_step):
    after_step.append(lambda record: record.step == 1 and os.kill(os.getpid(), signal.SIGTERM))
    flags = ["--num_epochs=1", "--trackers=[mlflow]", "--tracker_project=tones"]
    assert run("train", tmp_path / "run", *flags) == 128 + signal.SIGTERM
    assert mlflow_run(tmp_path / "run")[1].info.status == "KILLED"


def test_mlflow_writes_into_a_logdir_of_any_name(mlflow, tmp_path):
    for name in ("p%41", "q?x=1"):  # of an address these would be an A, and a parameter
        logdir = tmp_path / name
        logdir.mkdir()
        Trackers(["mlflow"], logdir, "tones", {}).finish()
        assert (logdir / "mlflow.db").is_file()


def test_a_tracker_that_fails_is_given_up_once(mlflow, tmp_path, monkeypatch, caplog):
    trackers = Trackers(["mlflow"], tmp_path, "tones", {})

    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("mlflow.MlflowClient.log_batch", fail)
    for step in (1, 2):
        trackers.log(step, {"val/top1": 0.5})
    trackers.finish()
    lines = [line for line in caplog.messages if line.startswith("trackers:")]
    assert lines == ["trackers: mlflow fails (no route to host); the run continues without it"]


def test_one_that_is_not_installed_is_refused_before_anything_is_written(
    monkeypatch, run, tmp_path
):
    monkeypatch.setattr("open_seq2seq.storage.trackers.find_spec", lambda name: None)
    with pytest.raises(UserError, match="mlflow is not installed; pip install"):
        check(["mlflow"])
    with pytest.raises(UserError, match="wandb is not installed"):
        run("train", tmp_path / "run", "--trackers=[wandb]")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_logs_what_tensorboard_gets(mlflow, run, tmp_path):
    logdir = tmp_path / "run"
    flags = ["--num_epochs=1", "--save_summaries_steps=3", "--trackers=[mlflow]"]
    run("train_eval", logdir, *flags, "--tracker_project=tones")
    client, found = mlflow_run(logdir)
    lines = [json.loads(line) for line in (logdir / "metrics.jsonl").read_text().splitlines()]
    for split in ("val", "test"):
        # the best one is evaluated again at the end, which is no other point
        expected = {line["step"]: line["top1"] for line in lines if line["split"] == split}
        assert history(client, found, f"{split}/top1") == [
            (step, pytest.approx(value)) for step, value in expected.items()
        ]
    assert [step for step, _ in history(client, found, "train/loss")] == [3, 6, 9]
    assert found.data.params["optimizer"] == "Adam"
