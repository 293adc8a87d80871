"""A run whose report is looked at."""

import shutil

import pytest


@pytest.fixture(scope="session")
def trained(made_once, run):
    return (
        made_once(
            "reported",
            lambda to: run("train_eval", to / "run", "--num_epochs=2", "--write_report=True"),
        )
        / "run"
    )


@pytest.fixture
def logdir(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")
